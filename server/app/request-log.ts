import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Minimum time in milliseconds between two log lines about refusals with the same status. */
const INTERVAL_MS = 1_000

/**
 * Write one line for each completed request. Clients could fill the log with refused requests. So refusals with the
 * same status have at most one line per second, with the number of refusals since the previous line.
 */
export function logRequests(app: FastifyInstance): void {
  /** Time of the latest line of each status, and the number of refusals since then. */
  const refusals = new Map<number, { writtenAt: number; count: number }>()
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply
    if (statusCode < 400 || statusCode >= 500) request.log.info(lineOf(request, reply), 'request completed')
    else {
      const { writtenAt, count } = refusals.get(statusCode) ?? { writtenAt: -INTERVAL_MS, count: 0 }
      const now = performance.now()
      if (now - writtenAt < INTERVAL_MS) refusals.set(statusCode, { writtenAt, count: count + 1 })
      else {
        refusals.set(statusCode, { writtenAt: now, count: 0 })
        request.log.info({ ...lineOf(request, reply), count: count + 1 }, 'request refused')
      }
    }
    done()
  })
  app.addHook('onClose', async () => {
    for (const [statusCode, { count }] of refusals) {
      if (count > 0) app.log.info({ statusCode, count }, 'request refused')
    }
  })
}

function lineOf(request: FastifyRequest, reply: FastifyReply) {
  return { req: request, res: reply, responseTime: reply.elapsedTime }
}
