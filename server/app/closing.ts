import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** Connections that were taken a moment ago have sent their requests by then. */
const LAST_REQUESTS_MS = 500
/** What is being answered when the app has closed its sockets may take as long. */
const CLOSE_GRACE_MS = 1_000

/**
 * Have closing wait for what is being answered, for a second at most: browsers connect ahead of need, and
 * Node would wait for such a connection as long as they keep it.
 * @returns Stops listening ahead of that. Who is connected is answered still, and told to come no more; it
 * resolves when those who came last have sent what they came for.
 */
export function limitClosing(app: FastifyInstance): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let closed: Promise<unknown> | null = null
  let pausing: Promise<void> | null = null
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (pausing !== null) reply.header('connection', 'close')
    done()
  })
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref()
    // `close` finds the server closed already and would not wait.
    await closed
  })
  app.addHook('onClose', async () => clearTimeout(timer))
  const pause = async (): Promise<void> => {
    closed = once(app.server, 'close')
    app.server.close()
    await Promise.race([closed, sleep(LAST_REQUESTS_MS)])
  }
  return () => {
    pausing ??= pause()
    return pausing
  }
}
