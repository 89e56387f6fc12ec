import type { Static, TSchema } from 'typebox'
import { type Check, compile } from '../channel/validate.ts'
import {
  decrypt,
  encrypt,
  type SignOptions,
  sign,
  type VerifyOptions,
  type VerifyResult,
  verify,
} from '../token/token.ts'

/** Functions of {@link Token}. */
export interface PhoenixToken {
  /**
   * Sign data, like `Phoenix.Token.sign/4`. `verify` needs the same secret and salt. Anyone can read the data.
   * Numbers, strings and lists keep their types in Elixir. Keys of an object become strings in Elixir, and atoms of
   * Elixir become strings in JavaScript.
   * @throws UsageError when the secret is shorter than 20 bytes or the data cannot be encoded.
   */
  sign(secret: string, salt: string, data: unknown, options?: SignOptions): string
  /**
   * Verify a signed token, like `Phoenix.Token.verify/4`. Returns its data with `signedAt` and `expiresAt`, in
   * milliseconds since 1970, or an error: `missing` if the token is null or undefined; `invalid` if the token was not
   * signed with this secret and salt, does not match `schema`, or is from the future (unless its maximum age is
   * `Infinity`); `expired` if the token is older than its maximum age.
   * @throws UsageError for invalid options, never because of the token.
   */
  verify<S extends TSchema = TSchema>(
    secret: string,
    salt: string,
    token: unknown,
    options?: VerifyOptions<S>,
  ): VerifyResult<Static<S>>
  /**
   * Encrypt data, like `Phoenix.Token.encrypt/4`. `decrypt` needs the same secret and salt. All releases of
   * Plug.Crypto, the library behind `Phoenix.Token`, can decrypt the token.
   * @throws UsageError as `sign` does, and when `keyLength` is not 16, 24 or 32.
   */
  encrypt(secret: string, salt: string, data: unknown, options?: SignOptions): string
  /**
   * Decrypt a token that `encrypt` or `Phoenix.Token.encrypt/4` has made. Returns the same results as `verify`.
   * @throws UsageError for invalid options, never because of the token.
   */
  decrypt<S extends TSchema = TSchema>(
    secret: string,
    salt: string,
    token: unknown,
    options?: VerifyOptions<S>,
  ): VerifyResult<Static<S>>
}

/**
 * Tokens compatible with `Phoenix.Token`. With the same secret (in Elixir: `secret_key_base`) and salt, this package
 * and an Elixir application accept each other's tokens. Anyone who has a signed token can read its data; an encrypted
 * token hides the data.
 */
export const Token: PhoenixToken = Object.freeze({
  sign,
  encrypt,
  verify<S extends TSchema>(secret: string, salt: string, token: unknown, options: VerifyOptions<S> = {}) {
    return fitting<S>(verify(secret, salt, token, options), options.schema)
  },
  decrypt<S extends TSchema>(secret: string, salt: string, token: unknown, options: VerifyOptions<S> = {}) {
    return fitting<S>(decrypt(secret, salt, token, options), options.schema)
  },
})

// Cache of compiled schemas, because compiling a schema costs far more than checking data.
const checks = new WeakMap<TSchema, Check>()

function fitting<S extends TSchema>(result: VerifyResult, schema: S | undefined): VerifyResult<Static<S>> {
  // The cast is safe: the check below ensures the schema's type. If there is no schema, the type is `unknown`.
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
