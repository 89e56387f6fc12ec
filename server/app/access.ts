import type { FastifyRequest } from 'fastify'
import { bearerToken, tokenMatcher } from '../admin/index.ts'
import { type AuthSettings, authOf, mayEnter, type User, verifyToken } from './auth.ts'
import { HttpError } from './errors.ts'
import type { Settings } from './settings.ts'

/**
 * Sender of a request. `user` is null if the request has no user's token. `mayEnter` returns true for rooms that the
 * sender may read and write.
 */
export type Visitor = { readonly user: User | null; mayEnter(room: string): boolean }

/**
 * Function that identifies the sender of a request. @throws HttpError 401 when a token is required, but missing or
 * invalid.
 */
export type Access = (request: FastifyRequest) => Promise<Visitor>

/** Visitor without a name that may enter all rooms. */
export const anybody: Visitor = { user: null, mayEnter: () => true }

/**
 * Create the access check. If AUTH_SECRET is set, a request needs a user's token or the API token. Otherwise everybody
 * may enter all rooms.
 */
export function accessOf(settings: AuthSettings & Pick<Settings, 'apiToken'>): Access {
  const { apiToken } = settings
  const auth = authOf(settings)
  if (auth === null) return async () => anybody
  const isApiToken = apiToken === null ? () => false : tokenMatcher(apiToken)
  return async (request) => {
    const token = bearerToken(request)
    if (token !== null && isApiToken(token)) return anybody
    const verified = token === null ? null : await verifyToken(auth, token)
    if (verified === null) throw new HttpError(401, 'Rooms require a token (`Authorization: Bearer …`).')
    const { user } = verified
    return { user, mayEnter: (room) => mayEnter(user, room) }
  }
}
