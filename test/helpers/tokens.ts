import { SignJWT } from 'jose'

/** What the tests' servers sign tokens with. */
export const AUTH_SECRET = 'a secret of the tests, of 32 bytes or more'

/** What may be different about a token. */
export type TokenOptions = {
  readonly secret?: string
  /** Seconds until it expires; default 60. */
  readonly expiresIn?: number
  readonly rooms?: readonly string[]
  readonly name?: string
}

/** A user's JWT. */
export function tokenFor(sub: string, options: TokenOptions = {}): Promise<string> {
  const { secret = AUTH_SECRET, expiresIn = 60, rooms, name } = options
  return new SignJWT({ ...(rooms && { rooms: [...rooms] }), ...(name && { name }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
    .sign(Buffer.from(secret))
}
