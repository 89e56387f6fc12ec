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

/** The served parts and their access. */
export type WebOptions = ApiOptions &
  SessionOptions & {
    readonly dashboardToken: string | null
    /** Whether `/metrics` is served. */
    readonly metrics: boolean
    readonly supervisor: Supervisor
    /** Folder of the built page; default: none is served. */
    readonly pageRoot?: string
    /** Folder of the dashboard's; default: none is served. */
    readonly dashboardRoot?: string
  }

/**
 * The page, the HTTP API, its reference and the metrics, with the headers that tell browsers what they may do.
 * All of it counts for RATE_LIMIT, unknown paths too; probes and sockets are served elsewhere and do not.
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
  // Outside the API, whose token guards what writes.
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

/** Drop the request of a client that has gone: its address, by which requests are counted, is not known any more. */
function dropAbandoned(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (request.socket.destroyed) reply.hijack()
  else done()
}
