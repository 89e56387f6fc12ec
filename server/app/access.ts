import type { FastifyRequest } from 'fastify'
import { bearerToken, tokenMatcher } from '../admin/index.ts'
import { type AuthSettings, authOf, mayEnter, type User, verifyToken } from './auth.ts'
import { HttpError } from './errors.ts'
import type { Settings } from './settings.ts'

/** The sender of a request: its user, if it shows a user's token, and the rooms that it may read and write. */
export type Visitor = { readonly user: User | null; mayEnter(room: string): boolean }

/** Identifies the sender of a request. @throws HttpError 401 without a valid token, where one is needed. */
export type Access = (request: FastifyRequest) => Promise<Visitor>

/** A visitor that may enter all rooms, under no name. */
export const anybody: Visitor = { user: null, mayEnter: () => true }

/** With AUTH_SECRET a request needs a user's token or the API token; without it anybody may enter all rooms. */
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
