import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { admin } from '../../admin/index.ts'
import { dashboard } from '../../dashboard/index.ts'
import type { Supervisor } from '../../index.ts'
import { metricsRoute } from '../../metrics/index.ts'
import { answerNotFound } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { staticFiles } from '../static-files.ts'
import { apiRoutes } from './api.ts'
import { docsRoutes } from './docs.ts'
import { sessionRoutes } from './session.ts'

/** Folders of the built pages; a page without a folder is not served. */
export type Pages = { readonly pageRoot?: string; readonly dashboardRoot?: string }

const [self, none] = [["'self'"], ["'none'"]]
const fromSelf = { scriptSrc: self, styleSrc: self, connectSrc: self, imgSrc: self }

/** Headers for browsers. The pages of this server can load resources only from this server. */
const securityHeaders: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: none, ...fromSelf, baseUri: none, formAction: none, frameAncestors: none },
  },
  // Exclude subdomains, because it is unknown whether they support TLS.
  strictTransportSecurity: { includeSubDomains: false },
}

/**
 * Plugin for all HTTP routes except probes and sockets. The plugin adds security headers for browsers. RATE_LIMIT
 * applies to the routes of this plugin and to unknown paths.
 */
export async function webRoutes(
  web: FastifyInstance,
  options: Settings & Pages & { readonly supervisor: Supervisor },
): Promise<void> {
  const { apiToken, dashboardRoot, dashboardToken, pageRoot, rateLimit: max, supervisor } = options
  const { endpoint } = web
  await web.register(helmet, securityHeaders)
  web.addHook('onRequest', dropAbandoned)
  if (max > 0) {
    await web.register(rateLimit, { max, timeWindow: 60_000 })
    web.setNotFoundHandler({ preHandler: web.rateLimit() }, answerNotFound)
  } else web.setNotFoundHandler(answerNotFound)
  if (options.metrics) await web.register(metricsRoute, { endpoint })
  await web.register(apiRoutes, { ...options, prefix: '/api' })
  // Registered outside `apiRoutes`, because signing in must not require the API token.
  await web.register(sessionRoutes, { ...options, prefix: '/api' })
  if (apiToken !== null)
    await web.register(admin, { endpoint, supervisor, token: apiToken, rateLimit: 0, prefix: '/admin' })
  await web.register(docsRoutes)
  if (dashboardToken !== null && dashboardRoot !== undefined)
    await web.register(dashboard, { endpoint, supervisor, token: dashboardToken, root: dashboardRoot })
  if (pageRoot !== undefined) await web.register(staticFiles, { root: pageRoot })
}

/**
 * Drop a request whose client has disconnected. The rate limit needs the client's address, which is no longer known.
 */
function dropAbandoned(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  if (request.socket.destroyed) reply.hijack()
  else done()
}
