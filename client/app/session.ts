import type { Author } from './identity.ts'

/** The server's answer about the token that the page has. */
export type Session = {
  /** Whether the server asks for tokens at all. */
  readonly hasUsers: boolean
  /** Whether it offers a sign-in, as it may in development. */
  readonly canSignIn: boolean
  /** The user of the token; null if there is none, or it is not good any more. */
  readonly user: Author | null
  /** The rooms that the user may enter; null for all that are not private. */
  readonly rooms: readonly string[] | null
}

/** Whether the server turns the page away until it has another token. */
export function isSignedOut(session: Session | null): boolean {
  return session?.hasUsers === true && session.user === null
}

/** Read the answer of `GET /api/session`; null if it is something else. */
export function readSession(answer: unknown): Session | null {
  const { hasUsers, canSignIn, user, rooms } = Object(answer)
  if (typeof hasUsers !== 'boolean' || typeof canSignIn !== 'boolean') return null
  if (user !== null && (typeof user?.id !== 'string' || typeof user.name !== 'string')) return null
  const isList = Array.isArray(rooms) && rooms.every((room) => typeof room === 'string')
  return { hasUsers, canSignIn, user, rooms: isList ? rooms : null }
}
