import { createHash } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Auth } from './auth.ts'

/** Claims of a new token. */
export type Claims = {
  /** Name that others see. */
  readonly name: string
  /** The user's id; default: made from the name. */
  readonly id?: string
  /** The only rooms that the user may enter; default: all that are not private. */
  readonly rooms?: readonly string[]
  /** Seconds until it expires. */
  readonly expiresIn: number
}

/** Sign a user's JWT (HS256), with the audience and the issuer that the chat asks for. */
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

/** An id for a name: the same for the same name, different for different ones. */
export function idOf(name: string): string {
  if (/^[a-z\d-]{1,40}$/i.test(name)) return `user-${name}`
  return `user_${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}
