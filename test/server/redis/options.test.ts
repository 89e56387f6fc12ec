import { createClient } from 'redis'
import { expect, test } from 'vitest'
import { type RedisEngineOptions, resolveOptions } from '../../../server/redis/options.ts'

test('has a default for every option except the address', () => {
  expect(resolveOptions({ url: 'redis://x' })).toEqual({
    prefix: 'phx',
    subscribeTimeout: 2_000,
    commandTimeout: 2_000,
    linger: 5_000,
    lease: 30_000,
    maxUnsentBytes: 16_777_216,
    maxBytesInFlight: 1_048_576,
    maxQuestions: 10_000,
    durable: false,
    whenAway: 'refuse',
  })
  expect(resolveOptions({ prefix: 'chat', linger: 0 })).toMatchObject({ prefix: 'chat', linger: 0 })
})

test('a database other than 0 gets its own prefix, because all databases share channels', () => {
  const prefixOf = (options: RedisEngineOptions) => resolveOptions(options).prefix
  expect(prefixOf({})).toBe('phx')
  for (const url of ['redis://x', 'redis://x/', 'redis://x/0', 'unix:///tmp/redis.sock']) {
    expect(prefixOf({ url }), url).toBe('phx')
    expect(prefixOf({ client: createClient({ url }) }), url).toBe('phx')
  }
  for (const url of ['redis://x/1', 'rediss://user:word@x:1/1', 'unix:///tmp/redis.sock?db=1']) {
    expect(prefixOf({ url }), url).toBe('phx:db1')
    expect(prefixOf({ client: createClient({ url }) }), url).toBe('phx:db1')
  }
  expect(prefixOf({ url: 'redis://main/2', sentinels: ['redis://x'] })).toBe('phx:db2')
  expect(prefixOf({ client: createClient({ database: 3 }) })).toBe('phx:db3')
  expect(prefixOf({ url: 'redis://x/1', prefix: 'phx' })).toBe('phx')
  expect(prefixOf({ urls: ['redis://x'] })).toBe('phx')
})

test('rejects unknown options, delays that no timer supports, and counts that are not positive integers', () => {
  // @ts-expect-error: it is called subscribeTimeout
  expect(() => resolveOptions({ timeout: 1 })).toThrow(
    /RedisEngine has an unknown key "timeout"\. Valid keys: url, urls/,
  )
  expect(() => resolveOptions({ lease: -1 })).toThrow(
    /`lease` must be an integer number of milliseconds from 1 to 2147483647 \(got -1\)/,
  )
  expect(() => resolveOptions({ commandTimeout: Number.NaN })).toThrow(
    /`commandTimeout` must be .* \(got NaN\)/,
  )
  expect(() => resolveOptions({ lease: 0 })).toThrow(/`lease` must be .* \(got 0\)/)
  expect(() => resolveOptions({ maxUnsentBytes: 0.5 })).toThrow(
    /`maxUnsentBytes` must be a positive integer \(got 0.5\)/,
  )
})
