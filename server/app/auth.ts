import { createHash } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Token } from '../index.ts'
import { PersonId, PersonName } from './contracts/room.ts'
import type { Settings } from './settings.ts'

/** The user that a token identifies. */
export type User = {
  /** The claim `sub`. */
  readonly id: string
  /** The display name: the claim `name`, or the id without it. */
  readonly name: string
  /** The rooms that they may enter, by the claim `rooms`; null: all that are not private. */
  readonly rooms: readonly string[] | null
}

/** The user of a connection; null for a guest. */
export type UserAssigns = { readonly user: User | null }

/** The bearer of a token, and when it expires, in ms since 1970. */
export type Verified = { readonly user: User; readonly expiresAt?: number }

/** How tokens are checked. */
export type Auth = {
  readonly secret: string
  /** Required value of `aud`, or one of several there; null: any. */
  readonly audience: string | null
  /** Required value of `iss`; null: any. */
  readonly issuer: string | null
}

/** The settings of it. */
export type AuthSettings = Pick<Settings, 'authAudience' | 'authIssuer' | 'authSecret'>

/** The salt of Phoenix tokens; JWTs have none. */
export const TOKEN_SALT = 'user socket'
/** The first part of every Phoenix.Token: "HS256" in base64, which is no JSON, as that of a JWT is. */
const PHOENIX_TOKEN = 'SFMyNTY.'
const PRIVATE = 'private-'

const claims = Compile(
  Type.Object({
    sub: PersonId,
    name: Type.Optional(PersonName),
    rooms: Type.Optional(Type.Array(Type.String())),
    exp: Type.Optional(Type.Number()),
    aud: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
    iss: Type.Optional(Type.String()),
  }),
)

/** How the tokens of users are checked; null if there are none. */
export function authOf({ authSecret, authAudience, authIssuer }: AuthSettings): Auth | null {
  return authSecret === null ? null : { secret: authSecret, audience: authAudience, issuer: authIssuer }
}

/**
 * Read the user of a token: a JWT (HS256), or a Phoenix token with the same claims. Resolves with null if it is not
 * signed with the secret, has expired, is for another audience or of another issuer, or names no user.
 */
export async function verifyToken(auth: Auth, token: string): Promise<Verified | null> {
  const { secret, audience, issuer } = auth
  const payload = token.startsWith(PHOENIX_TOKEN)
    ? openPhoenixToken(secret, token)
    : await openJwt(secret, token)
  if (!claims.Check(payload)) return null
  const { sub, name = sub, rooms = null, exp, aud, iss } = payload
  if (audience !== null && aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return null
  if (issuer !== null && iss !== issuer) return null
  const expiresAt = exp === undefined ? undefined : exp * 1_000
  if (expiresAt !== undefined && expiresAt <= Date.now()) return null
  return { user: { id: sub, name, rooms }, ...(expiresAt === undefined ? {} : { expiresAt }) }
}

/** May this user be in this room? Nobody in particular, as without AUTH_SECRET, may be in all. */
export function mayEnter(user: User | null, room: string): boolean {
  if (user === null) return true
  return user.rooms === null ? !room.startsWith(PRIVATE) : user.rooms.includes(room)
}

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

function openPhoenixToken(secret: string, token: string): unknown {
  const result = Token.verify(secret, TOKEN_SALT, token)
  return 'ok' in result ? result.ok : null
}

async function openJwt(secret: string, token: string): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(token, Buffer.from(secret), { algorithms: ['HS256'] })
    return payload
  } catch {
    // Whatever is wrong with it, the bearer is told the same.
    return null
  }
}
