import { type JWTPayload, SignJWT } from 'jose'
import { type Auth, TOKEN_SALT } from '../../server/app/auth.ts'
import { Token } from '../../server/index.ts'

/** Secret with which the tests' servers sign tokens. */
export const AUTH_SECRET = 'a-secret-of-the-tests-of-32-bytes-or-more'

/**
 * Set by the project `auth` of `vitest.config.ts`, as an operator sets it: servers of the tests, and the
 * processes that they start, want tokens then, and their clients show them. Null otherwise.
 */
export const authSecret = process.env['AUTH_SECRET'] ?? null

/** How a socket of the tests checks tokens where auth is on. */
export const auth: Auth | null =
  authSecret === null ? null : { secret: authSecret, audience: null, issuer: null }

/** Options of a token. */
export type TokenOptions = {
  readonly secret?: string
  /** Seconds until it expires; default an hour. */
  readonly expiresIn?: number
  readonly rooms?: readonly string[]
  readonly name?: string
  readonly audience?: string | readonly string[]
  readonly issuer?: string
}

/** A user's JWT. */
export function tokenFor(sub: string, options: TokenOptions = {}): Promise<string> {
  const { secret = AUTH_SECRET, expiresIn = 3_600, rooms, name, audience: aud, issuer: iss } = options
  const claims = { ...(rooms && { rooms: [...rooms] }), ...(name && { name }), ...(aud && { aud }) }
  return new SignJWT({ ...claims, ...(iss && { iss }) } as JWTPayload)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
    .sign(Buffer.from(secret))
}

/** Identity of a client: the params of its join and, where auth is on, the claims of its token. */
export type Person = { readonly name?: string; readonly client?: string }

/** The params of a client's socket where auth is on, a Phoenix.Token in them; none otherwise. */
export function signedIn({ client = 'somebody', name = 'Somebody' }: Person = {}): { token?: string } {
  return authSecret === null ? {} : { token: Token.sign(authSecret, TOKEN_SALT, { sub: client, name }) }
}

/** The headers of a request where auth is on; none otherwise. */
export function bearer(person?: Person): Record<string, string> {
  const { token } = signedIn(person)
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** A socket's URL with its client's token where auth is on, unless it has been given one; otherwise as it is. */
export function withToken(url: string, person?: Person): string {
  const { token } = signedIn(person)
  // It is the first: the `token` of a long-poll session is the last.
  if (token === undefined || url.includes('?token=')) return url
  return url.replace(/\?|$/, `?token=${encodeURIComponent(token)}&`)
}

/** For a test's own socket: its params without the token, or null where auth is on and there is no good one. */
export function admit(params: Record<string, unknown>): Record<string, unknown> | null {
  if (authSecret === null) return params
  const { token, ...others } = params
  return 'ok' in Token.verify(authSecret, TOKEN_SALT, String(token)) ? others : null
}
