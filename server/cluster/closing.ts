import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** Milliseconds after which connections accepted just before a pause have sent their requests. */
const LAST_REQUESTS_MS = 500
/** Milliseconds for which closing waits for pending requests, and for connections that send none. */
const CLOSE_GRACE_MS = 1_000

/**
 * Closes the HTTP server of an app in two steps. A proxy retries a request elsewhere if its connection is refused, but
 * not if it is answered 503: so the server stops listening first, while everything else is still served.
 *
 * Browsers open connections ahead of need, and Node waits for these as long as browsers keep them. The second step
 * therefore ends all HTTP connections after a grace period.
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
   * Stop listening. Open connections are served, and told to end with their response. Resolves when connections
   * accepted just before have sent their requests.
   */
  pause(): Promise<void> {
    this.#paused ??= this.#pause()
    return this.#paused
  }

  /** After `pause`: wait for pending requests, then end what is left. */
  async end(): Promise<void> {
    await Promise.race([this.#closed, sleep(CLOSE_GRACE_MS, undefined, { ref: false })])
    this.#server.closeAllConnections()
  }

  async #pause(): Promise<void> {
    this.#closed = once(this.#server, 'close')
    for (const response of this.#pending) response.shouldKeepAlive = false
    this.#server.close()
    await Promise.race([this.#closed, sleep(LAST_REQUESTS_MS)])
  }

  #take(response: ServerResponse): void {
    if (this.#paused !== null) response.shouldKeepAlive = false
    this.#pending.add(response)
    response.once('close', () => this.#pending.delete(response))
  }
}
