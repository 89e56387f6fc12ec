import { availableParallelism } from 'node:os'
import { describe, expect, test } from 'vitest'
import {
  addresses,
  bearerToken,
  flag,
  origins,
  processes,
  redisPrefix,
  redisUrl,
  secret,
  setting,
  wholeNumber,
} from '../../server/app/setting.ts'

describe('a flag', () => {
  const { read } = setting('F', flag(), { help: '' })

  test.each([
    [undefined, false],
    ['0', false],
    ['1', true],
  ])('reads %j as %j', (given, value) => {
    expect(read(given)).toBe(value)
  })

  test.each(['', 'true', 'yes', '2'])('rejects %j', (given) => {
    expect(() => read(given)).toThrow(`F must be 0 or 1 (got ${JSON.stringify(given)})`)
  })
})

describe('a whole number', () => {
  test('has a greatest value, by default the longest delay of a timer', () => {
    const { read } = setting('N', wholeNumber(7), { help: '' })
    expect([read(undefined), read('0'), read('2147483647')]).toEqual([7, 0, 2_147_483_647])
    expect(() => read('2147483648')).toThrow(
      'N must be a whole number from 0 to 2147483647 (got "2147483648")',
    )
  })
})

describe('a bearer token', () => {
  const { read } = setting('B', bearerToken(4), { help: '' })

  test.each([[undefined], ['']])('reads %j as no token', (given) => {
    expect(read(given)).toBe(null)
  })

  test.each(['abcd', 'A-z_0.9~+/', 'YWJj+/8='])('can be %j', (given) => {
    expect(read(given)).toBe(given)
  })

  test.each(['abc', 'with space', 'what?', 'schön', 'ab=cd'])(
    'rejects %j, without repeating it in the error',
    (given) => {
      expect(() => read(given)).toThrow(
        /^B must be empty, or at least 4 characters, each an ASCII letter, a digit or one of -._~\+\/ \(at the end also =\)$/,
      )
    },
  )
})

describe('a secret', () => {
  const { read } = setting('S', secret(4), { help: '' })

  test('is optional', () => {
    expect(read(undefined)).toBeNull()
    expect(read('abcd')).toBe('abcd')
  })

  test.each(['', 'abc', 'ab cd', 'abcd\n'])('rejects %j, without repeating it in the error', (given) => {
    expect(() => read(given)).toThrow(/^S must be at least 4 characters long and contain no whitespace$/)
  })
})

describe('origins', () => {
  const { read } = setting('O', origins, { help: '' })

  test.each([
    [undefined, []],
    ['', []],
    ['*', ['*']],
    ['https://a.example, http://localhost:3000', ['https://a.example', 'http://localhost:3000']],
  ])('reads %j as %j', (given, value) => {
    expect(read(given)).toEqual(value)
  })

  // A browser sends an origin without a path, its default port or capitals: such an entry would never match.
  test.each([
    'example.com',
    'https://a.example/',
    'https://a.example:443',
    'https://A.example',
    'null',
    '*.a',
  ])('rejects %j', (given) => {
    expect(() => read(given)).toThrow(
      `O must be * or a comma-separated list of origins such as https://example.com, in lower-case ASCII, without a final slash and without the default port (80 or 443) (got ${JSON.stringify(given)})`,
    )
  })
})

describe('addresses', () => {
  const { read } = setting('A', addresses, { help: '' })

  test.each([
    [undefined, []],
    ['', []],
    ['10.0.0.1', ['10.0.0.1']],
    ['10.0.0.0/8, loopback,fd00::/8', ['10.0.0.0/8', 'loopback', 'fd00::/8']],
  ])('reads %j as %j', (given, value) => {
    expect(read(given)).toEqual(value)
  })

  // A number of proxies is not among them: Fastify believes nobody then, as it cannot tell who is one.
  test.each(['true', '1', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', 'proxy.example'])(
    'rejects %j',
    (given) => {
      expect(() => read(given)).toThrow(
        `A must be a comma-separated list of IP addresses, ranges such as fd00::/8, and the words loopback, linklocal and uniquelocal (got ${JSON.stringify(given)})`,
      )
    },
  )
})

describe('the prefix in a Redis', () => {
  const { read } = setting('P', redisPrefix, { help: '' })

  test.each([
    [undefined, null],
    ['', null],
    ['chat', 'chat'],
    ['phx:db1', 'phx:db1'],
  ])('reads %j as %j', (given, value) => {
    expect(read(given)).toBe(value)
  })

  test.each(['{chat}', 'a b', 'a*', 'x'.repeat(101)])('rejects %j', (given) => {
    expect(() => read(given)).toThrow(
      `P must be 1 to 100 ASCII letters, digits, dots, underscores, colons or hyphens (got ${JSON.stringify(given)})`,
    )
  })
})

describe('the URL of a Redis', () => {
  const { read } = setting('R', redisUrl, { help: '' })

  test.each([
    [undefined, null],
    ['', null],
    ['redis://localhost:6379', 'redis://localhost:6379'],
    ['rediss://user:word@redis.example:6380/1', 'rediss://user:word@redis.example:6380/1'],
  ])('reads %j as %j', (given, value) => {
    expect(read(given)).toBe(value)
  })

  test.each(['localhost:6379', 'http://localhost', 'secret', 'redis:', 'redis://user:a/b@host:6379'])(
    'rejects %j, without repeating it in the error',
    (given) => {
      expect(() => read(given)).toThrow(
        /^R must be a valid URL that begins with redis:\/\/ or rediss:\/\/, such as [^ ]+; the characters [^ ]+ [^ ]+ [^ ]+ in the password must be percent-encoded$/,
      )
    },
  )
})

describe('a number of processes', () => {
  const { read } = setting('W', processes, { help: '' })

  test.each([
    [undefined, 0],
    ['0', 0],
    ['4', 4],
    ['1024', 1_024],
    ['auto', availableParallelism()],
  ])('reads %j as %j', (given, value) => {
    expect(read(given)).toBe(value)
  })

  test.each(['', '-1', '1.5', '1025', 'all', 'AUTO'])('rejects %j', (given) => {
    expect(() => read(given)).toThrow(
      `W must be auto or a whole number from 0 to 1024 (got ${JSON.stringify(given)})`,
    )
  })
})
