import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics } from 'prom-client'
import { Type } from 'typebox'
import { checkOption, list, string } from '../../protocol/check.ts'
import { isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { checkEndpoint } from '../errors.ts'
import { authorizeOf, type GuardOptions, guard, guardRules } from '../operator/guard.ts'
import { pluginOptions } from '../operator/plugin-options.ts'
import { isOwnWorker } from '../runtime/own-worker.ts'
import { shareMetrics } from './cluster.ts'
import { type MetricsOptions, metrics } from './metrics.ts'

/** Options of the metrics route. Without `token` and `authorize`, everybody can read the metrics. */
export type MetricsRouteOptions = Pick<MetricsOptions, 'joinReasons'> &
  GuardOptions & {
    /** Endpoint whose metrics are served. */
    readonly endpoint: Endpoint
  }

const routeOptions = pluginOptions<MetricsRouteOptions>({ joinReasons: list(string), ...guardRules })

/** Scrapes get responses even while the server drains, and are not logged. */
const route = { logLevel: 'warn', config: { whileDraining: true } } as const
const schema = {
  summary: 'Prometheus metrics of this server, including its worker processes',
  tags: ['health'],
  produces: ['text/plain'],
  response: { 200: Type.String() },
}

/**
 * Plugin with `GET /metrics`: the metrics of the endpoint and the default metrics of the process. In a worker process
 * of `cluster()`, the metrics of all worker processes are merged.
 * @throws UsageError with `PHX_ERR_OPTION` for an invalid option, or with `PHX_ERR_NO_ENDPOINT` if the endpoint is
 * missing.
 */
export async function metricsRoute(app: FastifyInstance, options: MetricsRouteOptions): Promise<void> {
  checkOption('metricsRoute', options, routeOptions)
  const { endpoint, joinReasons = [] } = options
  checkEndpoint('metricsRoute', endpoint, isEndpoint)
  const mayRead = authorizeOf('metricsRoute', options)
  const { registry, stop } = metrics(endpoint, { joinReasons })
  collectDefaultMetrics({ register: registry })
  const shared = isOwnWorker() ? shareMetrics(registry) : null
  app.addHook('onClose', async () => {
    shared?.stop()
    stop()
  })
  const hooks = mayRead === null ? {} : { onRequest: guard(mayRead) }
  app.get('/metrics', { ...route, ...hooks, schema }, async (_request, reply) =>
    reply.type(registry.contentType).send(await (shared ?? registry).metrics()),
  )
}
