import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { shareMetrics } from '../../metrics/index.ts'
import { isOwnWorker } from '../cluster/own-worker.ts'
import type { Counting } from '../counting.ts'

/** Scrapes come every few seconds, to the end: they are answered while draining, and not logged. */
const route = { logLevel: 'warn', config: { whileDraining: true, anyHost: true } } as const
const schema = {
  summary: 'Metrics of all worker processes in Prometheus format',
  tags: ['health'],
  produces: ['text/plain'],
  response: { 200: Type.String() },
}

/** What happens in here, as numbers. Like other reading it needs no token. */
export async function metricsRoutes(
  app: FastifyInstance,
  { counting }: { readonly counting: Counting },
): Promise<void> {
  const registry = counting.hold()
  const shared = isOwnWorker() ? shareMetrics(registry) : null
  app.addHook('onClose', async () => {
    shared?.stop()
    counting.release()
  })
  app.get('/metrics', { ...route, schema }, async (_request, reply) =>
    reply.type(registry.contentType).send(await (shared ?? registry).metrics()),
  )
}
