import type { FastifyRequest } from 'fastify'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import type { Limits } from '../limits/config.ts'
import type { ConnectSource } from '../socket/connect-info.ts'
import { publishLimit } from '../socket/instrumentation.ts'
import type { PeerAddress } from '../socket/peer-address.ts'
import { AddressRate } from './address-rate.ts'

/** The limit that one more connection would exceed, and when to retry. */
export type Excess = {
  readonly status: 429 | 503
  readonly limit: keyof Limits
  /** Seconds until a retry, for the header Retry-After. */
  readonly retryAfter: number
}

/** The part of a request that identifies the client. */
export type Caller = Pick<FastifyRequest, 'ip'> &
  Partial<Pick<FastifyRequest, 'ips'>> & { readonly headers: ConnectSource['headers'] }

/** Seconds until a retry when there are too many connections or waiting joins. */
const OVERLOADED_SECONDS = 5

/** Checks whether one more connection is allowed (LIMIT-5, LIMIT-6). */
export class Capacity {
  readonly #endpoint: EndpointServer
  readonly #addresses: AddressRate

  constructor(endpoint: EndpointServer) {
    this.#endpoint = endpoint
    this.#addresses = new AddressRate(endpoint.limits)
    endpoint.swept.add(this.#addresses)
  }

  /** Check and count a connection from this address. Returns null if the connection is allowed. */
  ask(request: Caller, address: PeerAddress): Excess | null {
    const excess = this.#ofAll()
    if (excess !== null) return excess
    const wait = this.#addresses.take(request)
    if (wait !== null) return this.#excess(429, 'connectionRate', Math.ceil(wait / 1_000))
    return this.#ofAddress(request, address)
  }

  /** Check the limits once more, after the application's `connect`. Does not count the connection again. */
  look(request: Caller, address: PeerAddress | null): Excess | null {
    return this.#ofAll() ?? this.#ofAddress(request, address)
  }

  #ofAll(): Excess | null {
    const { sockets, limits, admission } = this.#endpoint
    if (sockets.size >= limits.maxConnections) return this.#excess(503, 'maxConnections', OVERLOADED_SECONDS)
    return admission.isFull ? this.#excess(503, 'maxWaitingJoins', OVERLOADED_SECONDS) : null
  }

  #ofAddress(request: Caller, address: PeerAddress | null): Excess | null {
    const { sockets } = this.#endpoint
    if (address === null || !sockets.isFull(address)) return null
    this.#warn(request, address)
    return this.#excess(429, 'maxConnectionsPerAddress', OVERLOADED_SECONDS)
  }

  /**
   * Log that an address has too many connections. If the address may belong to a proxy, the log line says to name
   * the address in `trustProxy`.
   */
  #warn(request: Caller, address: PeerAddress): void {
    // Fastify sets `ips` only with `trustProxy`.
    const isProxy = request.headers['x-forwarded-for'] !== undefined && request.ips === undefined
    const hint = isProxy
      ? "; if the address is your proxy's, name it in Fastify's option trustProxy (in the bundled chat: TRUST_PROXY)"
      : ''
    const message = `too many connections from one address${hint}`
    const details = { address: address.read(), limit: this.#endpoint.limits.maxConnectionsPerAddress }
    this.#endpoint.throttledLog.write(`maxConnectionsPerAddress ${isProxy}`, (count) =>
      this.#endpoint.logger.warn({ ...details, count }, message),
    )
  }

  #excess(status: 429 | 503, limit: keyof Limits, retryAfter: number): Excess {
    publishLimit(this.#endpoint, limit)
    return { status, limit, retryAfter }
  }
}
