import { createHmac, pbkdf2Sync } from 'node:crypto'
import fc from 'fast-check'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import { Atom, encodeTerm, Tuple } from '../../../server/token/etf.ts'
import * as Token from '../../../server/token/token.ts'

const SECRET = 'a'.repeat(64)
const SALT = 'user auth'
const SIGNED_AT = 1_700_000_000

// Issued by an Elixir application with this secret and salt.
const NUMBER = 'SFMyNTY.g2gDYSpuBgAAaOXPiwFiAAFRgA.x2GV8fzmggTQdkMlzdkfE2mSNoVoWKMMirhPRqMzXSc'
const TEXT = 'SFMyNTY.g2gDbQAAAAJ1MW4GAABo5c-LAWIAAVGA.i7s9mgX3QD0bc9J2eZDPvSPwHpli8PJ0BVYlDB0eeLk'
const MAP =
  'SFMyNTY.g2gDdAAAAANkAAFmRj_4AAAAAAAAZAACaWRhAW0AAAABcmsAAgECbgYAAGjlz4sBYgABUYA' +
  '.alaeqkKToDnuCh7VA9ni7U12x81R_amL-shdFopqYDM'

beforeEach(() => {
  vi.useFakeTimers({ now: SIGNED_AT * 1000, toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
})

/** A token of our own making, to show what a verifier must take or refuse. */
function forge(term: unknown, alg = 'HS256', digest = 'sha256'): string {
  const signed = `${Buffer.from(alg).toString('base64url')}.${Buffer.from(encodeTerm(term)).toString('base64url')}`
  const key = pbkdf2Sync(SECRET, SALT, 1000, 32, 'sha256')
  return `${signed}.${createHmac(digest, key).update(signed).digest('base64url')}`
}

test.each([
  ['a number', 42, NUMBER],
  ['a string', 'u1', TEXT],
])('signs %s like Elixir (B206)', (_title, data, token) => {
  expect(Token.sign(SECRET, SALT, data, { signedAt: SIGNED_AT })).toBe(token)
})

test.each([
  ['a number', 42, NUMBER],
  ['a string', 'u1', TEXT],
  ['a map, its atoms as strings', { r: [1, 2], id: 1, f: 1.5 }, MAP],
])('verifies a token that Elixir signed: %s (B206)', (_title, data, token) => {
  expect(Token.verify(SECRET, SALT, token)).toHaveProperty('ok', data)
})

test.each([
  ['of another secret', () => Token.verify('b'.repeat(64), SALT, NUMBER)],
  ['of another salt', () => Token.verify(SECRET, 'other', NUMBER)],
  ['of another key', () => Token.verify(SECRET, SALT, NUMBER, { keyDigest: 'sha512' })],
  ['with two parts', () => Token.verify(SECRET, SALT, NUMBER.slice(0, NUMBER.lastIndexOf('.')))],
  ['with four parts', () => Token.verify(SECRET, SALT, `${NUMBER}.`)],
  ['that is empty', () => Token.verify(SECRET, SALT, '')],
  ['that is not a string', () => Token.verify(SECRET, SALT, [NUMBER])],
  ['with an algorithm called none', () => Token.verify(SECRET, SALT, forge(new Tuple([1, 0, 9]), 'none'))],
])('finds a token %s invalid (B207)', (_title, verify) => {
  expect(verify()).toEqual({ error: 'invalid' })
})

test('finds a token with one change anywhere invalid (B207)', () => {
  const change = fc.tuple(fc.nat(TEXT.length - 1), fc.nat(1), fc.string({ maxLength: 2 }))
  fc.assert(
    fc.property(change, ([at, removed, inserted]) => {
      const token = TEXT.slice(0, at) + inserted + TEXT.slice(at + removed)
      fc.pre(token !== TEXT)
      expect(Token.verify(SECRET, SALT, token)).toEqual({ error: 'invalid' })
    }),
    { numRuns: 1000 },
  )
})

test('finds every other encoding of the same signature bytes invalid (B207)', () => {
  // 32 bytes leave two bits of the last character unused: "c" and "d" decode alike.
  expect(Buffer.from('Xd', 'base64url')).toEqual(Buffer.from('Xc', 'base64url'))
  expect(Token.verify(SECRET, SALT, `${NUMBER.slice(0, -1)}d`)).toEqual({ error: 'invalid' })
})

test('never throws, whatever the token is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.anything()), (token) => {
      const expected = token === null || token === undefined ? 'missing' : 'invalid'
      expect(Token.verify(SECRET, SALT, token)).toEqual({ error: expected })
    }),
  )
})

test.each([undefined, null])('reports that %s is a missing token', (token) => {
  expect(Token.verify(SECRET, SALT, token)).toEqual({ error: 'missing' })
})

test('expires a token after its own max age of a day, to the millisecond (B208)', () => {
  vi.setSystemTime((SIGNED_AT + 86_400) * 1000)
  expect(Token.verify(SECRET, SALT, NUMBER)).toHaveProperty('ok', 42)
  vi.setSystemTime((SIGNED_AT + 86_400) * 1000 + 1)
  expect(Token.verify(SECRET, SALT, NUMBER)).toEqual({ error: 'expired' })
})

test("uses the verifier's max age, in seconds, if there is one (B208)", () => {
  vi.setSystemTime((SIGNED_AT + 60) * 1000)
  expect(Token.verify(SECRET, SALT, NUMBER, { maxAge: 60 })).toHaveProperty('ok', 42)
  expect(Token.verify(SECRET, SALT, NUMBER, { maxAge: 59.5 })).toEqual({ error: 'expired' })
  expect(Token.verify(SECRET, SALT, NUMBER, { maxAge: 0 })).toEqual({ error: 'expired' })
  expect(Token.verify(SECRET, SALT, NUMBER, { maxAge: -1 })).toEqual({ error: 'expired' })
})

test('never expires a token with an infinite max age', () => {
  const token = Token.sign(SECRET, SALT, 1, { maxAge: Number.POSITIVE_INFINITY })
  vi.setSystemTime(SIGNED_AT * 2000)
  expect(Token.verify(SECRET, SALT, token)).toHaveProperty('ok', 1)
  expect(Token.verify(SECRET, SALT, NUMBER, { maxAge: Number.POSITIVE_INFINITY })).toHaveProperty('ok', 42)
  expect(token).toBe(forge(new Tuple([1, SIGNED_AT * 1000, new Atom('infinity')])))
})

test('finds a token from the future invalid (B208)', () => {
  vi.setSystemTime(SIGNED_AT * 1000 - 1)
  expect(Token.verify(SECRET, SALT, NUMBER)).toEqual({ error: 'invalid' })
})

test.each([
  ['SHA-384', 'HS384', 'sha384'],
  ['SHA-512', 'HS512', 'sha512'],
])('accepts a signature with %s', (_title, alg, digest) => {
  expect(
    Token.verify(SECRET, SALT, forge(new Tuple(['x', SIGNED_AT * 1000, 60]), alg, digest)),
  ).toHaveProperty('ok', 'x')
})

test.each([
  ['a pair', new Tuple(['x', SIGNED_AT * 1000])],
  ['a map', { data: 'x', signed: SIGNED_AT * 1000 }],
])('accepts the payload of older releases, %s, for a day', (_title, term) => {
  expect(Token.verify(SECRET, SALT, forge(term))).toHaveProperty('ok', 'x')
  vi.setSystemTime((SIGNED_AT + 86_401) * 1000)
  expect(Token.verify(SECRET, SALT, forge(term))).toEqual({ error: 'expired' })
})

test.each([
  ['no time', new Tuple(['x'])],
  ['a time that is not a number', new Tuple(['x', 'now', 60])],
  ['a max age that is not a number', new Tuple(['x', 0, 'long'])],
  ['a map without a time', { data: 'x' }],
  ['a string', 'x'],
])('finds a payload of %s invalid, although it is signed', (_title, term) => {
  expect(Token.verify(SECRET, SALT, forge(term))).toEqual({ error: 'invalid' })
})

test('verifies any signed JSON value', () => {
  const json = fc.jsonValue({ stringUnit: 'binary' })
  fc.assert(
    fc.property(json, (data) => {
      const result = Token.verify(SECRET, SALT, Token.sign(SECRET, SALT, data))
      expect('ok' in result && result.ok).toEqual(data)
    }),
  )
})

test('keeps keys of different salts and options apart, beyond the size of the cache', () => {
  const options = { keyIterations: 1, keyLength: 16 } as const
  const tokens = Array.from({ length: 100 }, (_, index) =>
    Token.sign(SECRET, `salt ${index}`, index, options),
  )
  tokens.forEach((token, index) => {
    expect(Token.verify(SECRET, `salt ${index}`, token, options)).toHaveProperty('ok', index)
    expect(Token.verify(SECRET, `salt ${index}`, token, { ...options, keyIterations: 2 })).toEqual({
      error: 'invalid',
    })
  })
})

test.each([
  ['a short secret', () => Token.sign('short', SALT, 1), 'at least 20 bytes'],
  ['a short secret', () => Token.verify('short', SALT, NUMBER), 'at least 20 bytes'],
  ['a max age that is not a number', () => Token.sign(SECRET, SALT, 1, { maxAge: Number.NaN }), 'maxAge'],
  ...(['keyIterations', 'keyLength'] as const).map((key): [string, () => unknown, string] => [
    `a \`${key}\` above the maximum of PBKDF2`,
    () => Token.sign(SECRET, SALT, 1, { [key]: 2 ** 31 }),
    `\`${key}\` must be an integer from 1 to 2147483647 (got 2147483648)`,
  ]),
  [
    'a max age that is not a number',
    () => Token.verify(SECRET, SALT, NUMBER, { maxAge: Number.NaN }),
    'maxAge',
  ],
  [
    'an infinite negative max age',
    () => Token.sign(SECRET, SALT, 1, { maxAge: Number.NEGATIVE_INFINITY }),
    '`maxAge` must be a number of seconds or Infinity (got -Infinity)',
  ],
  [
    'a time of signing that is infinite in milliseconds',
    () => Token.sign(SECRET, SALT, 1, { signedAt: 1e306 }),
    '`signedAt` must be a number of seconds since 1970 (got 1e+306)',
  ],
  [
    'an object that inherits from another object',
    () => Token.sign(SECRET, SALT, Object.create({ a: 1 })),
    '(found an object whose prototype is not Object.prototype)',
  ],
  [
    'data without a meaning elsewhere',
    () => Token.sign(SECRET, SALT, new Date()),
    '(found an object of the class Date)',
  ],
])('refuses %s', (_title, use, message) => {
  expect(use).toThrow(UsageError)
  expect(use).toThrow(message)
})

test('returns the times of signing and expiry in ms, for both kinds of max age', () => {
  const signedAt = SIGNED_AT * 1000
  const times = (maxAge?: number) =>
    Token.verify(SECRET, SALT, NUMBER, maxAge === undefined ? {} : { maxAge })
  expect(times()).toEqual({ ok: 42, signedAt, expiresAt: signedAt + 86_400_000 })
  expect(times(60.5)).toEqual({ ok: 42, signedAt, expiresAt: signedAt + 60_500 })
  expect(times(Infinity)).toEqual({ ok: 42, signedAt, expiresAt: Infinity })
})

test('decrypts any encrypted JSON value, with keys of every length', () => {
  const json = fc.jsonValue({ stringUnit: 'binary' })
  fc.assert(
    fc.property(json, fc.constantFrom(16, 24, 32), (data, keyLength) => {
      const token = Token.encrypt(SECRET, SALT, data, { keyLength })
      const signedAt = SIGNED_AT * 1000
      expect(Token.decrypt(SECRET, SALT, token, { keyLength })).toEqual({
        ok: data,
        signedAt,
        expiresAt: signedAt + 86_400_000,
      })
    }),
  )
})

test('an encrypted token hides its data, and differs each time', () => {
  const [one, two] = [Token.encrypt(SECRET, SALT, 'ann'), Token.encrypt(SECRET, SALT, 'ann')]
  expect(one).not.toBe(two)
  const bytes = one.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
  expect(bytes.join()).not.toContain('ann')
})

test.each([
  ['another secret', (token: string) => Token.decrypt('b'.repeat(64), SALT, token)],
  ['another salt', (token: string) => Token.decrypt(SECRET, 'other', token)],
  ['another digest', (token: string) => Token.decrypt(SECRET, SALT, token, { keyDigest: 'sha512' })],
  ['a signature', () => Token.decrypt(SECRET, SALT, NUMBER)],
  ['another use', (token: string) => Token.verify(SECRET, SALT, token)],
  ['a value that is not text', () => Token.decrypt(SECRET, SALT, 1)],
])('finds an encrypted token of %s invalid', (_title, decrypt) => {
  expect(decrypt(Token.encrypt(SECRET, SALT, 1))).toEqual({ error: 'invalid' })
})

test('an encrypted token expires, may be missing, and has a key of 16, 24 or 32 bytes', () => {
  const token = Token.encrypt(SECRET, SALT, 1, { maxAge: 60 })
  vi.setSystemTime((SIGNED_AT + 61) * 1000)
  expect(Token.decrypt(SECRET, SALT, token)).toEqual({ error: 'expired' })
  expect(Token.decrypt(SECRET, SALT, token, { maxAge: 62 })).toHaveProperty('ok', 1)
  expect(Token.decrypt(SECRET, SALT, null)).toEqual({ error: 'missing' })
  expect(() => Token.encrypt(SECRET, SALT, 1, { keyLength: 20 })).toThrow(
    'Token.encrypt: `options`: `keyLength` must be 16, 24 or 32 (got 20)',
  )
})
