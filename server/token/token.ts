import { createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { checkOption, object, oneOf, type Rule, type Rules, rule, string } from '../../protocol/check.ts'
import { schema } from '../../protocol/schema.ts'
import { shown } from '../../protocol/shown.ts'
import { UsageError } from '../errors.ts'
import { Atom, decodeTerm, encodeTerm, Tuple } from './etf.ts'
import { decryptMessage, encryptMessage } from './message-encryptor.ts'

/**
 * Parameters for deriving a key from the secret and the salt. A token must be made and checked with the same
 * parameters.
 */
export interface KeyOptions {
  /** Rounds of PBKDF2. Default: 1,000. */
  readonly keyIterations?: number
  /** Length of the key in bytes. Default: 32. */
  readonly keyLength?: number
  /** Hash of PBKDF2. Default: `sha256`. */
  readonly keyDigest?: 'sha256' | 'sha384' | 'sha512'
}

/** Options of `Token.sign` and `Token.encrypt`. */
export interface SignOptions extends KeyOptions {
  /**
   * Lifetime of the token in seconds; `Infinity` if the token never expires. The option `maxAge` of `verify` overrides
   * this lifetime. Default: 86,400.
   */
  readonly maxAge?: number
  /** Time of signing, in seconds since 1970. Default: now. */
  readonly signedAt?: number
}

/** Options of `Token.verify` and `Token.decrypt`; `S` is the type of the schema. */
export interface VerifyOptions<S = unknown> extends KeyOptions {
  /** Maximum age of the token in seconds; `Infinity` to accept any age. Default: the lifetime in the token. */
  readonly maxAge?: number
  /** Schema of the data; a token whose data does not match is `invalid`. Default: any data, of type `unknown`. */
  readonly schema?: S
}

/** Data of a valid token, with its times of signing and expiry. */
export interface VerifiedToken<T = unknown> {
  readonly ok: T
  /** Time of signing or encryption, in milliseconds since 1970. */
  readonly signedAt: number
  /**
   * Time of expiry, in milliseconds since 1970; `Infinity` if the token never expires. `connect` can return this time
   * as `expiresAt`.
   */
  readonly expiresAt: number
}

/** Result of `Token.verify` and `Token.decrypt`: the data, or the reason why the token is not valid. */
export type VerifyResult<T = unknown> =
  | VerifiedToken<T>
  | { readonly error: 'expired' | 'invalid' | 'missing' }

// The functions of Phoenix.Token. They do not check schemas; `socket/checked-token.ts` adds this check.

const DEFAULT_MAX_AGE = 86_400
const MIN_SECRET_BYTES = 20

// `HS256`, `HS384` and `HS512` in base64url. New tokens are signed with HS256. Tokens that are signed with any of the
// three algorithms are accepted.
const HS256 = 'SFMyNTY'
const DIGESTS: ReadonlyMap<string, string> = new Map([
  [HS256, 'sha256'],
  ['SFMzODQ', 'sha384'],
  ['SFM1MTI', 'sha512'],
])

// Cache of derived keys, because 1,000 rounds of PBKDF2 at each connect (0.3 ms) would block all other clients. Salts
// are constants of the program, so there are few keys.
const MAX_DERIVED_KEYS = 64
const derivedKeys = new Map<string, Buffer>()

/**
 * Sign data. The returned token can be verified with the same secret and salt, in JavaScript or Elixir. In Elixir,
 * numbers and strings keep their types, arrays become lists, and keys of objects become strings.
 * @throws UsageError when the secret is shorter than 20 bytes or the data cannot be encoded.
 */
export function sign(secret: string, salt: string, data: unknown, options: SignOptions = {}): string {
  const given = { secret, salt, options }
  checkArguments('Token.sign', given, signOptions)
  const signed = `${HS256}.${Buffer.from(toTerm(data, options)).toString('base64url')}`
  return `${signed}.${signature('sha256', deriveKey(given), signed)}`
}

/**
 * Verify a token and return its data. Errors: `missing` when the token is null or undefined; `invalid` when the token
 * was not signed with this secret and salt, or is from the future; `expired` when the token is older than its maximum
 * age.
 * @throws UsageError for invalid options, never because of the token.
 */
export function verify(
  secret: string,
  salt: string,
  token: unknown,
  options: VerifyOptions = {},
): VerifyResult {
  const given = { secret, salt, options }
  checkArguments('Token.verify', given, verifyOptions)
  const key = deriveKey(given)
  if (token === undefined || token === null) return { error: 'missing' }
  return judge(typeof token === 'string' ? verifySignature(token, key) : null, options)
}

/**
 * Encrypt data. `decrypt` needs the same secret and salt. All releases of Plug.Crypto, the library behind
 * `Phoenix.Token`, can decrypt the token.
 * @throws UsageError when the secret is shorter than 20 bytes, the key does not have 16, 24 or 32 bytes, or the data
 * cannot be encoded.
 */
export function encrypt(secret: string, salt: string, data: unknown, options: SignOptions = {}): string {
  const given = { secret, salt, options }
  checkArguments('Token.encrypt', given, encryptOptions)
  return encryptMessage(toTerm(data, options), deriveKey(given))
}

/**
 * Decrypt a token that `encrypt` or `Phoenix.Token.encrypt/4` has made, and return its data. Returns the same errors as
 * `verify`. @throws UsageError for invalid options, never because of the token.
 */
export function decrypt(
  secret: string,
  salt: string,
  token: unknown,
  options: VerifyOptions = {},
): VerifyResult {
  const given = { secret, salt, options }
  checkArguments('Token.decrypt', given, decryptOptions)
  const key = deriveKey(given)
  if (token === undefined || token === null) return { error: 'missing' }
  const message = typeof token === 'string' ? decryptMessage(token, key) : null
  return judge(message === null ? null : toPayload(decodeTerm(message)), options)
}

function toTerm(data: unknown, options: SignOptions): Uint8Array {
  const maxAge = options.maxAge ?? DEFAULT_MAX_AGE
  const signedAt = Math.trunc((options.signedAt ?? Date.now() / 1000) * 1000)
  try {
    return encodeTerm(new Tuple([data, signedAt, maxAge === Infinity ? new Atom('infinity') : maxAge]))
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    throw new UsageError('PHX_ERR_OPTION', 'token data cannot be encoded: a property getter threw', { cause })
  }
}

function judge(payload: Payload | null, options: VerifyOptions): VerifyResult {
  if (payload === null) return { error: 'invalid' }
  const { data, signedAt } = payload
  const maxAge = options.maxAge ?? payload.maxAge
  if (maxAge <= 0) return { error: 'expired' }
  const expiresAt = signedAt + Math.trunc(maxAge * 1000)
  if (maxAge !== Infinity) {
    const now = Date.now()
    if (signedAt > now) return { error: 'invalid' }
    if (expiresAt < now) return { error: 'expired' }
  }
  return { ok: data, signedAt, expiresAt }
}

interface Payload {
  readonly data: unknown
  /** Milliseconds since 1970. */
  readonly signedAt: number
  /** Seconds. */
  readonly maxAge: number
}

function verifySignature(token: string, key: Buffer): Payload | null {
  const [protectedPart = '', payload = '', given = '', ...rest] = token.split('.', 4)
  const digest = DIGESTS.get(protectedPart)
  if (digest === undefined || rest.length > 0) return null
  // Compare the text, not the decoded bytes: several base64 texts decode to the same bytes.
  const expected = Buffer.from(signature(digest, key, `${protectedPart}.${payload}`))
  const actual = Buffer.from(given)
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return null
  return toPayload(decodeTerm(Buffer.from(payload, 'base64url')))
}

function signature(digest: string, key: Buffer, text: string): string {
  return createHmac(digest, key).update(text).digest('base64url')
}

// Phoenix signs `{data, signed_at, max_age}`. Older releases signed `{data, signed_at}`, and the oldest signed a map.
function toPayload(term: unknown): Payload | null {
  if (Array.isArray(term)) {
    const [data, signedAt, maxAge = DEFAULT_MAX_AGE] = term
    return checkedPayload(data, signedAt, maxAge === 'infinity' ? Infinity : maxAge)
  }
  if (typeof term === 'object' && term !== null && 'data' in term && 'signed' in term) {
    return checkedPayload(term.data, term.signed, DEFAULT_MAX_AGE)
  }
  return null
}

function checkedPayload(data: unknown, signedAt: unknown, maxAge: unknown): Payload | null {
  return typeof signedAt === 'number' && typeof maxAge === 'number' ? { data, signedAt, maxAge } : null
}

/** Rule that checks a secret. The error message does not contain the secret. */
export const tokenSecret: Rule = (value) => {
  if (typeof value === 'string' && Buffer.byteLength(value) >= MIN_SECRET_BYTES) return null
  const given = typeof value === 'string' ? `${Buffer.byteLength(value)} bytes` : shown(value)
  return { path: '', words: `must be a string of at least ${MIN_SECRET_BYTES} bytes (got ${given})` }
}

const seconds = rule(
  'a number of seconds or Infinity',
  (value) => value === Number.POSITIVE_INFINITY || Number.isFinite(value),
)
// A token contains this time in milliseconds, which must be finite too.
const signedTime = rule(
  'a number of seconds since 1970',
  (value) => typeof value === 'number' && Number.isFinite(value * 1000),
)
/** Largest number of rounds, and length of a key, that Node's PBKDF2 accepts. */
const MAX_PBKDF2 = 2 ** 31 - 1
const pbkdf2Integer = rule(
  `an integer from 1 to ${MAX_PBKDF2}`,
  (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_PBKDF2,
)
const keyRules: Rules<KeyOptions> = {
  keyIterations: pbkdf2Integer,
  keyLength: pbkdf2Integer,
  keyDigest: oneOf('sha256', 'sha384', 'sha512'),
}
/** Rules for encryption: AES requires one of these key lengths. */
const cipherKeyRules = { ...keyRules, keyLength: oneOf(16, 24, 32) }
const signRules = { maxAge: seconds, signedAt: signedTime }
const verifyRules = { maxAge: seconds, schema }

const signOptions = object<SignOptions>({ ...keyRules, ...signRules })
const encryptOptions = object<SignOptions>({ ...cipherKeyRules, ...signRules })
const verifyOptions = object<VerifyOptions>({ ...keyRules, ...verifyRules })
const decryptOptions = object<VerifyOptions>({ ...cipherKeyRules, ...verifyRules })

function checkArguments(call: string, given: KeyArguments, optionsRule: Rule): void {
  checkOption(`${call}: the secret`, given.secret, tokenSecret)
  checkOption(`${call}: the salt`, given.salt, string)
  checkOption(`${call}: \`options\``, given.options, optionsRule)
}

type KeyArguments = { readonly secret: string; readonly salt: string; readonly options: KeyOptions }

function deriveKey({ secret, salt, options }: KeyArguments): Buffer {
  const { keyIterations = 1000, keyLength = 32, keyDigest = 'sha256' } = options
  const name = JSON.stringify([secret, salt, keyIterations, keyLength, keyDigest])
  const known = derivedKeys.get(name)
  if (known !== undefined) return known
  const key = pbkdf2Sync(secret, salt, keyIterations, keyLength, keyDigest)
  const [oldest] = derivedKeys.keys()
  if (oldest !== undefined && derivedKeys.size >= MAX_DERIVED_KEYS) derivedKeys.delete(oldest)
  derivedKeys.set(name, key)
  return key
}
