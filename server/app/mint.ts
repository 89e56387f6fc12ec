import { createHash } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Auth } from './auth.ts'

/** Claims of a new token. */
export type Claims = {
  /** Name that others see. */
  readonly name: string
  /** Id of the user. Default: computed from the name. */
  readonly id?: string
  /** Only rooms that the user may enter. Default: all rooms that are not private. */
  readonly rooms?: readonly string[]
  /** Seconds until the token expires. */
  readonly expiresIn: number
}

/** Sign a user's JWT (HS256), with the audience and the issuer that the chat requires. */
export function mintToken({ secret, audience, issuer }: Auth, claims: Claims): Promise<string> {
  const { name, id = idOf(name), rooms, expiresIn } = claims
  const token = new SignJWT({ name, ...(rooms !== undefined && { rooms: [...rooms] }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(id)
    .setExpirationTime(Math.floor(Date.now() / 1_000) + expiresIn)
  if (audience !== null) token.setAudience(audience)
  if (issuer !== null) token.setIssuer(issuer)
  return token.sign(Buffer.from(secret))
}

/** Compute an id for a name. The same name always gets the same id, and different names get different ids. */
export function idOf(name: string): string {
  if (/^[a-z\d-]{1,40}$/i.test(name)) return `user-${name}`
  return `user_${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
