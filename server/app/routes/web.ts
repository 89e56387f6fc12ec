import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { admin } from '../../admin/index.ts'
import { dashboard } from '../../dashboard/index.ts'
import type { Supervisor } from '../../index.ts'
import { metricsRoute } from '../../metrics/index.ts'
import { answerNotFound } from '../errors.ts'
import { securityHeaders } from '../security.ts'
import { staticFiles } from '../static-files.ts'
import { type ApiOptions, apiRoutes } from './api.ts'
import { docsRoutes } from './docs.ts'
import { type SessionOptions, sessionRoutes } from './session.ts'

/** Options of the served parts and their access. */
export type WebOptions = ApiOptions &
  SessionOptions & {
    readonly dashboardToken: string | null
    /** True if `/metrics` is served. */
    readonly metrics: boolean
    readonly supervisor: Supervisor
    /** Folder of the built page. Default: the page is not served. */
    readonly pageRoot?: string
    /** Folder of the dashboard's built page. Default: the dashboard is not served. */
    readonly dashboardRoot?: string
  }

/**
 * Plugin with the page, the HTTP API, its reference and the metrics, with security headers for browsers. RATE_LIMIT
 * applies to all of these, including unknown paths. It does not apply to probes and sockets, which are served
 * elsewhere.
 */
export async function webRoutes(web: FastifyInstance, options: WebOptions): Promise<void> {
  const { pageRoot, dashboardRoot, dashboardToken } = options
  await web.register(helmet, securityHeaders)
  web.addHook('onRequest', dropAbandoned)
  if (options.rateLimit > 0) {
    await web.register(rateLimit, { max: options.rateLimit, timeWindow: 60_000 })
    web.setNotFoundHandler({ preHandler: web.rateLimit() }, answerNotFound)
  } else web.setNotFoundHandler(answerNotFound)
  if (options.metrics) await web.register(metricsRoute, { endpoint: web.endpoint })
  await web.register(apiRoutes, { ...options, prefix: '/api' })
  // Registered outside the API, because the API requires its token for write requests.
  await web.register(sessionRoutes, { ...options, prefix: '/api' })
  const { apiToken, supervisor } = options
  if (apiToken !== null) {
    const { endpoint } = web
    await web.register(admin, { endpoint, supervisor, token: apiToken, rateLimit: 0, prefix: '/admin' })
  }
  await web.register(docsRoutes)
  if (dashboardToken !== null && dashboardRoot !== undefined) {
    await web.register(dashboard, {
      endpoint: web.endpoint,
      supervisor,
      token: dashboardToken,
      root: dashboardRoot,
    })
  }
  if (pageRoot !== undefined) await web.register(staticFiles, { root: pageRoot })
}

/**
 * Drop the request of a client that has disconnected, because its address, by which requests are counted, is no longer
 * known.
 */
function dropAbandoned(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (request.socket.destroyed) reply.hijack()
  else done()
}
