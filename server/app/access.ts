import type { FastifyRequest } from 'fastify'
import { type AuthSettings, authOf, mayEnter, verifyToken } from './auth.ts'
import { bearerOf, matcher } from './bearer.ts'
import { HttpError } from './errors.ts'
import type { Settings } from './settings.ts'

/** Which rooms a request may see and write to. @throws HttpError 401 when it does not say who asks. */
export type Access = (request: FastifyRequest) => Promise<(room: string) => boolean>

/** Without AUTH_SECRET all rooms; with it those of the bearer's token, and with the API token all again. */
export function accessOf(settings: AuthSettings & Pick<Settings, 'apiToken'>): Access {
  const { apiToken } = settings
  const auth = authOf(settings)
  if (auth === null) return async () => () => true
  const isApiToken = apiToken === null ? () => false : matcher(apiToken)
  return async (request) => {
    const token = bearerOf(request)
    if (token !== null && isApiToken(token)) return () => true
    const verified = token === null ? null : await verifyToken(auth, token)
    if (verified === null) throw new HttpError(401, 'The rooms need a token, as Authorization: Bearer.')
    return (room) => mayEnter(verified.user, room)
  }
}
