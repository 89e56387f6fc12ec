import type { Server } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'

/** Milliseconds for which requests under way may go on when the server stops. */
const GRACE_MS = 5_000

/**
 * The connections of a server that speaks HTTP/2. They outlive their requests, and a server that stops waits
 * for them; Fastify closes them only with `forceCloseConnections`. A server that speaks HTTP/1 has none.
 */
export class Http2Sessions {
  readonly #open: Set<ServerHttp2Session>

  /** @param maxStreams requests of a connection that may be unanswered at a time */
  constructor(server: Server, maxStreams: number) {
    this.#open = new Set()
    server.on('session', (session: ServerHttp2Session) => {
      this.#open.add(session)
      session.settings({ maxConcurrentStreams: maxStreams })
      session.once('close', () => this.#open.delete(session))
    })
  }

  /** Take no further requests; a connection ends when those under way are answered, or after 5 s (DRAIN-1). */
  close(): void {
    for (const session of this.#open) session.close()
    setTimeout(() => {
      for (const session of this.#open) session.destroy()
    }, GRACE_MS).unref()
  }
}
