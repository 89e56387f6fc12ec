import cors from '@fastify/cors'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { accessOf, guardWrites, isWrite } from '../access.ts'
import { type ProblemStatus, problemResponses } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { roomsRoutes } from './rooms.ts'

/** Plugin of the HTTP API: CORS and the API token, then the routes. */
export async function apiRoutes(api: FastifyInstance, settings: Settings): Promise<void> {
  const { apiToken, corsOrigins } = settings
  if (corsOrigins.length > 0) {
    const exposedHeaders = ['retry-after']
    await api.register(cors, { origin: [...corsOrigins], exposedHeaders, strictPreflight: false })
  }
  // Check the token after the rate limit, so that guesses of the token are limited too. The body is read only after
  // this check.
  if (apiToken !== null) api.addHook('preParsing', guardWrites(apiToken))
  api.addHook('onRoute', (route) => declareErrors(route, settings))

  await api.register(roomsRoutes, { access: accessOf(settings) })
}

/**
 * Add the possible error responses to a route's schema. The errors depend on the route's inputs and on the checks that
 * run before the route.
 */
function declareErrors(route: RouteOptions, { apiToken, authSecret, rateLimit: max }: Settings): void {
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
