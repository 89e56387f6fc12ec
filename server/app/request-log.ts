import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/**
 * Write one line for each request that was answered. Clients can have requests refused as often as they like, so
 * refusals have at most one line a second of each status, with the number of refusals since the line before.
 */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply
    if (statusCode < 400 || statusCode >= 500) request.log.info(lineOf(request, reply), 'request completed')
    else {
      app.endpoint.throttledLog.write(`request ${statusCode}`, (count) =>
        request.log.info({ ...lineOf(request, reply), count }, 'request refused'),
      )
    }
    done()
  })
}

function lineOf(request: FastifyRequest, reply: FastifyReply) {
  return { req: request, res: reply, responseTime: reply.elapsedTime }
}
