import cors from '@fastify/cors'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { accessOf } from '../access.ts'
import { guardWrites, isWrite } from '../bearer.ts'
import { type ProblemStatus, problemResponses } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { refuseNonUnicode } from '../unicode.ts'
import { roomsRoutes } from './rooms.ts'

/** Access and rate limit of the API. */
export type ApiOptions = Pick<
  Settings,
  'apiToken' | 'authAudience' | 'authIssuer' | 'authSecret' | 'corsOrigins' | 'rateLimit'
>

/** Plugin with the HTTP API: first its access checks, then its routes. */
export async function apiRoutes(api: FastifyInstance, options: ApiOptions): Promise<void> {
  const { apiToken, corsOrigins } = options
  if (corsOrigins.length > 0) {
    const exposedHeaders = ['retry-after']
    await api.register(cors, { origin: [...corsOrigins], exposedHeaders, strictPreflight: false })
  }
  // Runs after the rate limit, so that the limit also applies to guesses of the token, and before the body is read.
  if (apiToken !== null) api.addHook('preParsing', guardWrites(apiToken))
  api.addHook('preHandler', refuseNonUnicode)
  api.addHook('onRoute', (route) => declareErrors(route, options))

  await api.register(roomsRoutes, { access: accessOf(options) })
}

/** Add the possible errors to a route's schema. They depend on the route's inputs and on the access checks. */
function declareErrors(route: RouteOptions, { apiToken, authSecret, rateLimit: max }: ApiOptions): void {
  const { schema = {} } = route
  const isGuarded = apiToken !== null && isWrite(String(route.method))
  const statuses: ProblemStatus[] = [500, 503]
  if (schema.params !== undefined) statuses.push(400, 414)
  if (schema.querystring !== undefined) statuses.push(400)
  if (schema.body !== undefined) statuses.push(400, 413, 415)
  if (schema.headers !== undefined) statuses.push(422)
  if (max > 0) statuses.push(429)
  if (isGuarded || authSecret !== null) statuses.push(401)
  if (authSecret !== null) statuses.push(403)
  const response = { ...problemResponses(...statuses), ...Object(schema.response) }
  route.schema = {
    ...schema,
    response,
    ...(isGuarded || authSecret !== null ? { security: [{ bearer: [] }] } : {}),
  }
}
