import type { Static, TSchema } from 'typebox'
import { type Check, compile } from '../channel/validate.ts'
import {
  type SignOptions,
  type VerifyOptions as UncheckedOptions,
  Token as UncheckedToken,
  type VerifyResult,
} from '../token/token.ts'

/** Options of `Token.verify` and `Token.decrypt`. */
export interface VerifyOptions<S extends TSchema = TSchema> extends UncheckedOptions {
  /** The schema of the data; data that does not fit is `invalid`. Default: any data, of type `unknown`. */
  readonly schema?: S
}

/** The functions of {@link Token}. */
export interface PhoenixToken {
  /**
   * Sign data for `verify` with the same secret and salt, readable by anyone, as `Phoenix.Token.sign/4`.
   * Numbers, strings and lists cross to Elixir as they are; the keys of an object arrive there as strings,
   * and atoms arrive here as strings.
   * @throws UsageError when the secret is shorter than 20 bytes or the data cannot be written.
   */
  sign(secret: string, salt: string, data: unknown, options?: SignOptions): string
  /**
   * The data of a signed token with `signedAt` and `expiresAt`, in ms since 1970; or `missing` when it is
   * null or undefined, `invalid` when it was not signed with this secret and salt, is from the future or
   * does not fit `schema`, `expired` when it is older than its `maxAge`. As `Phoenix.Token.verify/4`.
   * @throws UsageError for wrong options, never because of the token.
   */
  verify<S extends TSchema = TSchema>(
    secret: string,
    salt: string,
    token: unknown,
    options?: VerifyOptions<S>,
  ): VerifyResult<Static<S>>
  /**
   * Encrypt data for `decrypt` with the same secret and salt, as `Phoenix.Token.encrypt/4`; every release
   * of Plug.Crypto reads the token.
   * @throws UsageError as `sign`, and when `keyLength` is not 16, 24 or 32.
   */
  encrypt(secret: string, salt: string, data: unknown, options?: SignOptions): string
  /**
   * The data of an encrypted token, also of one that `Phoenix.Token.encrypt/4` has made; the result is that
   * of `verify`. @throws UsageError for wrong options, never because of the token.
   */
  decrypt<S extends TSchema = TSchema>(
    secret: string,
    salt: string,
    token: unknown,
    options?: VerifyOptions<S>,
  ): VerifyResult<Static<S>>
}

/**
 * Phoenix.Token: tokens that an Elixir application with the same `secret_key_base` accepts and issues.
 * Anyone who holds a signed token can read its data; an encrypted one hides it.
 */
export const Token: PhoenixToken = Object.freeze({
  sign: UncheckedToken.sign,
  encrypt: UncheckedToken.encrypt,
  verify<S extends TSchema>(secret: string, salt: string, token: unknown, options: VerifyOptions<S> = {}) {
    return fitting<S>(UncheckedToken.verify(secret, salt, token, options), options.schema)
  },
  decrypt<S extends TSchema>(secret: string, salt: string, token: unknown, options: VerifyOptions<S> = {}) {
    return fitting<S>(UncheckedToken.decrypt(secret, salt, token, options), options.schema)
  },
})

// A memo of a pure function: compiling costs far more than checking.
const checks = new WeakMap<TSchema, Check>()

function fitting<S extends TSchema>(result: VerifyResult, schema: S | undefined): VerifyResult<Static<S>> {
  // The check says that the data are of the schema's type; without one that type is unknown.
  const fitting = result as VerifyResult<Static<S>>
  if (schema === undefined || 'error' in result) return fitting
  return checkOf(schema)(result.ok) === null ? fitting : { error: 'invalid' }
}

function checkOf(schema: TSchema): Check {
  let check = checks.get(schema)
  if (check === undefined) {
    check = compile(schema) ?? fitsAlways
    checks.set(schema, check)
  }
  return check
}

function fitsAlways(): null {
  return null
}
