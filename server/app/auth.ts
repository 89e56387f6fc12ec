import { createHash } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Token } from '../index.ts'
import { PersonId, PersonName } from './contracts/room.ts'
import type { Settings } from './settings.ts'

/** User that a token identifies. */
export type User = {
  /** User id: the claim `sub`. */
  readonly id: string
  /** Display name: the claim `name`, or the id if the claim is missing. */
  readonly name: string
  /** Rooms that the user may enter: the claim `rooms`. Null allows all rooms that are not private. */
  readonly rooms: readonly string[] | null
}

/** The assigns (application data) of a connection. `user` is null if AUTH_SECRET is unset. */
export type UserAssigns = { readonly user: User | null }

/** User of a verified token. `expiresAt` is in milliseconds since 1970. */
export type Verified = { readonly user: User; readonly expiresAt?: number }

/** Settings for checking tokens. */
export type Auth = {
  readonly secret: string
  /** Value that the claim `aud` must equal or include; null allows any value. */
  readonly audience: string | null
  /** Value that the claim `iss` must have; null allows any value. */
  readonly issuer: string | null
}

/** App settings that `authOf` turns into an `Auth` object. */
export type AuthSettings = Pick<Settings, 'authAudience' | 'authIssuer' | 'authSecret'>

/** Salt of Phoenix tokens. JWTs have no salt. */
export const TOKEN_SALT = 'user socket'
/**
 * First part of every Phoenix.Token: "HS256" in base64. The first part of a JWT differs, because it is JSON in base64.
 */
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

/** Return the settings for checking tokens; null if users need no tokens. */
export function authOf({ authSecret, authAudience, authIssuer }: AuthSettings): Auth | null {
  return authSecret === null ? null : { secret: authSecret, audience: authAudience, issuer: authIssuer }
}

/**
 * Read the user of a token, which is a JWT (HS256) or a Phoenix token with the same claims. Resolves with null if the
 * token is not signed with the secret, has expired, has another audience or issuer, or names no user.
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

/** Returns true if the user may enter the room. Without AUTH_SECRET, `user` is null, and every room is allowed. */
export function mayEnter(user: User | null, room: string): boolean {
  if (user === null) return true
  return user.rooms === null ? !room.startsWith(PRIVATE) : user.rooms.includes(room)
}

/** Claims of a new token. */
export type Claims = {
  /** Name that others see. */
  readonly name: string
  /** Id of the user; default: derived from the name. */
  readonly id?: string
  /** Rooms that the user may enter; default: all rooms that are not private. */
  readonly rooms?: readonly string[]
  /** Seconds until the token expires. */
  readonly expiresIn: number
}

/** Sign a user's JWT (HS256), with the audience and the issuer that the settings require. */
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

/** Compute the id of a name. The same name always has the same id; different names have different ids. */
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
    // Return null for every error, so that the client does not learn what is wrong with the token.
    return null
  }
}
