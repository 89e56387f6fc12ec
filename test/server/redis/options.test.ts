import { expect, test } from 'vitest'
import { resolveOptions } from '../../../server/redis/options.ts'

test('has a default for everything but the place', () => {
  expect(resolveOptions({ url: 'redis://x' })).toEqual({
    prefix: 'phx',
    subscribeTimeout: 2_000,
    commandTimeout: 2_000,
    linger: 5_000,
    lease: 30_000,
    maxUnsentBytes: 16_777_216,
    maxQuestions: 10_000,
  })
  expect(resolveOptions({ prefix: 'chat', linger: 0 })).toMatchObject({ prefix: 'chat', linger: 0 })
})

test('refuses what it does not know, times that no timer can wait, and counts that are none', () => {
  // @ts-expect-error: it is called subscribeTimeout
  expect(() => resolveOptions({ timeout: 1 })).toThrow(/RedisEngine knows no option "timeout"/)
  expect(() => resolveOptions({ lease: -1 })).toThrow(/lease: -1 ms is not between/)
  expect(() => resolveOptions({ commandTimeout: Number.NaN })).toThrow(/commandTimeout: NaN ms/)
  expect(() => resolveOptions({ lease: 0 })).toThrow(/lease is a positive integer, not 0/)
  expect(() => resolveOptions({ maxUnsentBytes: 0.5 })).toThrow(
    /maxUnsentBytes is a positive integer, not 0.5/,
  )
})
