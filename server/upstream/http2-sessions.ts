import type { Server } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'

/** Grace period for pending requests when the server stops, in milliseconds. */
const GRACE_MS = 5_000
/** Largest value of SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, section 6.5.1). */
const MAX_STREAMS = 0xffff_ffff

/**
 * Closes the sessions (connections) of an HTTP/2 server when the server stops. Without this class, the server would not
 * stop before clients close their idle sessions, because Fastify closes sessions only if its option
 * `forceCloseConnections` is set. An HTTP/1 server has no sessions, so this class does nothing.
 */
export class Http2Sessions {
  readonly #open: Set<ServerHttp2Session>

  /** @param maxStreams maximum number of unanswered requests per connection */
  constructor(server: Server, maxStreams: number) {
    this.#open = new Set()
    server.on('session', (session: ServerHttp2Session) => {
      this.#open.add(session)
      session.settings({ maxConcurrentStreams: Math.min(maxStreams, MAX_STREAMS) })
      session.once('close', () => this.#open.delete(session))
    })
  }

  /** Refuse further requests. A connection ends when its pending requests are answered, or after 5 s (DRAIN-1). */
  close(): void {
    for (const session of this.#open) session.close()
    setTimeout(() => {
      for (const session of this.#open) session.destroy()
    }, GRACE_MS).unref()
  }
}
