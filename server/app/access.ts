import type { FastifyReply, FastifyRequest } from 'fastify'
import { bearerToken, tokenMatcher } from '../admin/index.ts'
import { authOf, mayEnter, type User, verifyToken } from './auth.ts'
import { HttpError } from './errors.ts'
import type { Settings } from './settings.ts'

/**
 * Sender of a request. `user` is null if the request has no user token, for example with the API token. `mayEnter`
 * returns true for rooms that the sender may read and write.
 */
export type Visitor = { readonly user: User | null; mayEnter(room: string): boolean }

/**
 * Function that identifies the sender of a request. @throws HttpError 401 when a token is required, but missing or
 * invalid.
 */
export type Access = (request: FastifyRequest) => Promise<Visitor>

/** Anonymous visitor who may enter all rooms. */
const anybody: Visitor = { user: null, mayEnter: () => true }

/** Access check of a chat without users: anybody may enter all rooms. */
export const openToAll: Access = async () => anybody

/**
 * Create the access check. If AUTH_SECRET is set, each request needs a user's token or the API token. If AUTH_SECRET is
 * unset, no request needs a token.
 */
export function accessOf(settings: Settings): Access {
  const { apiToken } = settings
  const auth = authOf(settings)
  if (auth === null) return openToAll
  const isApiToken = apiToken === null ? () => false : tokenMatcher(apiToken)
  return async (request) => {
    const token = bearerToken(request)
    if (token !== null && isApiToken(token)) return anybody
    const verified = token === null ? null : await verifyToken(auth, token)
    if (verified === null)
      throw new HttpError(401, 'Rooms require a valid token (`Authorization: Bearer …`).')
    const { user } = verified
    return { user, mayEnter: (room) => mayEnter(user, room) }
  }
}

/** Returns true if requests with this method can change data (RFC 9110, section 9.2.1). */
export function isWrite(method: string): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method)
}

/** Create a hook that refuses write requests without the header `Authorization: Bearer <token>` (RFC 6750). */
export function guardWrites(token: string) {
  const isToken = tokenMatcher(token)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!isWrite(request.method)) return
    const given = bearerToken(request)
    if (given !== null && isToken(given)) return
    reply.header('www-authenticate', given === null ? 'Bearer' : 'Bearer error="invalid_token"')
    throw new HttpError(401, 'This request requires the API token (`Authorization: Bearer …`).')
  }
}
