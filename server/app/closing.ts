import { once } from 'node:events'
import type { FastifyInstance } from 'fastify'

/** What is being answered when the app has closed its sockets may take as long. */
const CLOSE_GRACE_MS = 1_000

/**
 * Have closing wait for what is being answered, for a second at most: browsers connect ahead of need, and
 * Node would wait for such a connection as long as they keep it.
 * @returns Stops listening ahead of that. Who is connected is answered still, and told to come no more.
 */
export function limitClosing(app: FastifyInstance): () => void {
  let timer: NodeJS.Timeout | undefined
  let paused: Promise<unknown> | null = null
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (paused !== null) reply.header('connection', 'close')
    done()
  })
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref()
    // `close` finds the server closed already and would not wait.
    await paused
  })
  app.addHook('onClose', async () => clearTimeout(timer))
  return () => {
    if (paused !== null) return
    paused = once(app.server, 'close')
    app.server.close()
  }
}
