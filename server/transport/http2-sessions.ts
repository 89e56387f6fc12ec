import type { Server } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'

/**
 * The connections of a server that speaks HTTP/2. They outlive their requests, and a server that stops waits
 * for them; Fastify closes them only with `forceCloseConnections`. A server that speaks HTTP/1 has none.
 */
export class Http2Sessions {
  readonly #open: Set<ServerHttp2Session>

  constructor(server: Server) {
    this.#open = new Set()
    server.on('session', (session: ServerHttp2Session) => {
      this.#open.add(session)
      session.once('close', () => this.#open.delete(session))
    })
  }

  /** Take no further requests; a connection ends when those under way are answered (DRAIN-1). */
  close(): void {
    for (const session of this.#open) session.close()
  }
}
