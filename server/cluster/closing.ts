import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/**
 * Milliseconds to wait after the server has stopped listening, so that the latest connections can still send a request.
 */
const LAST_REQUESTS_MS = 500
/** Milliseconds that pending requests may take to finish. After this time, all connections are closed. */
const CLOSE_GRACE_MS = 1_000

/**
 * Closes the HTTP server of an app in two steps.
 *
 * First, the server stops listening, but still serves its open connections. New connections are refused, so proxies
 * send new requests to other servers.
 *
 * Second, the server closes idle connections at once, and all others after a grace period. Otherwise Node would wait
 * for the connections that browsers have opened in advance.
 */
export class Closing {
  readonly #server: FastifyInstance['server']
  readonly #pending: Set<ServerResponse>
  #closed: Promise<unknown> | null
  #paused: Promise<void> | null

  constructor(server: FastifyInstance['server']) {
    this.#server = server
    this.#pending = new Set()
    this.#closed = null
    this.#paused = null
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) =>
      this.#take(response),
    )
  }

  /**
   * Stop listening. Open connections are still served, and each response closes its connection. Resolves after
   * `LAST_REQUESTS_MS`, or earlier if all connections have closed.
   */
  pause(): Promise<void> {
    this.#paused ??= this.#pause()
    return this.#paused
  }

  /** Wait for pending requests, then close the remaining connections. Must be called after `pause`. */
  async end(): Promise<void> {
    // An HTTP/2 server may lack these methods. During `app.close()`, `Http2Sessions` closes its sessions.
    this.#server.closeIdleConnections?.()
    await Promise.race([this.#closed, sleep(CLOSE_GRACE_MS, undefined, { ref: false })])
    this.#server.closeAllConnections?.()
  }

  async #pause(): Promise<void> {
    this.#closed = once(this.#server, 'close')
    for (const response of this.#pending) response.shouldKeepAlive = false
    // Stop listening only. The `close` of an HTTP server would also close connections that have not sent a request yet.
    NetServer.prototype.close.call(this.#server)
    await Promise.race([this.#closed, sleep(LAST_REQUESTS_MS)])
  }

  #take(response: ServerResponse): void {
    if (this.#paused !== null) response.shouldKeepAlive = false
    this.#pending.add(response)
    response.once('close', () => this.#pending.delete(response))
  }
}
