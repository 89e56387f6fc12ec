import { type Author, isAuthor } from './identity.ts'

/** Data about the page's session, from `GET /api/session`. */
export type Session = {
  /** True if the server requires tokens. */
  readonly hasUsers: boolean
  /** True if the server offers a sign-in without a password (for development). */
  readonly canSignIn: boolean
  /** User of the token; null if the page has no token or an invalid token. */
  readonly user: Author | null
  /** Rooms that the user may enter; null if the user may enter all rooms that are not private. */
  readonly rooms: readonly string[] | null
}

/** Returns true if the server requires a token and the page has no valid token. */
export function isSignedOut(session: Session | null): boolean {
  return session?.hasUsers === true && session.user === null
}

/** Read the response of `GET /api/session`. Returns null if the response is malformed. */
export function readSession(answer: unknown): Session | null {
  const { hasUsers, canSignIn, user, rooms } = Object(answer)
  if (typeof hasUsers !== 'boolean' || typeof canSignIn !== 'boolean') return null
  if (user !== null && !isAuthor(user)) return null
  const isList = Array.isArray(rooms) && rooms.every((room) => typeof room === 'string')
  return { hasUsers, canSignIn, user, rooms: isList ? rooms : null }
}
