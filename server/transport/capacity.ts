import type { FastifyRequest } from 'fastify'
import type { Endpoint } from '../endpoint/endpoint.ts'
import type { Limits } from '../limits/config.ts'
import { tellLimit } from '../socket/observed.ts'
import type { PeerAddress } from '../socket/peer-address.ts'
import { AddressRate } from './address-rate.ts'

/** Why there is no room for one more connection, and when to ask again. */
export type Excess = {
  readonly status: 429 | 503
  readonly limit: keyof Limits
  /** Seconds, for the header Retry-After. */
  readonly retryAfter: number
}

/** A server that has too much to do will not have less in a second. */
const OVERLOADED_SECONDS = 5

/** Whether there is room for one more connection (LIMIT-5, LIMIT-6). */
export class Capacity {
  readonly #endpoint: Endpoint
  readonly #addresses: AddressRate

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
    this.#addresses = new AddressRate(endpoint.limits)
    endpoint.swept.add(this.#addresses)
  }

  /** A client asks to connect from this address: null if there is room for it. */
  ask(request: FastifyRequest, address: PeerAddress): Excess | null {
    const excess = this.#ofAll()
    if (excess !== null) return excess
    const wait = this.#addresses.take(request)
    if (wait !== null) return this.#excess(429, 'connectionRate', Math.ceil(wait / 1_000))
    return this.#ofAddress(request, address)
  }

  /** The same for a client that was asked about before, while others may have come. */
  look(request: FastifyRequest, address: PeerAddress): Excess | null {
    return this.#ofAll() ?? this.#ofAddress(request, address)
  }

  #ofAll(): Excess | null {
    const { sockets, limits, admission } = this.#endpoint
    if (sockets.size >= limits.maxConnections) return this.#excess(503, 'maxConnections', OVERLOADED_SECONDS)
    return admission.isFull ? this.#excess(503, 'maxWaitingJoins', OVERLOADED_SECONDS) : null
  }

  #ofAddress(request: FastifyRequest, address: PeerAddress): Excess | null {
    const { sockets } = this.#endpoint
    if (!sockets.isFull(address)) return null
    this.#warn(request, address)
    return this.#excess(429, 'maxConnectionsPerAddress', OVERLOADED_SECONDS)
  }

  /** A proxy that is not trusted stands for all of its clients: an operator should know why they are refused. */
  #warn(request: FastifyRequest, address: PeerAddress): void {
    // Fastify knows addresses of a request only with `trustProxy`.
    const isProxy = request.headers['x-forwarded-for'] !== undefined && request.ips === undefined
    const hint = isProxy ? '; if it is a proxy of yours, list it in trustProxy (TRUST_PROXY of the chat)' : ''
    const message = `too many connections from one address${hint}`
    const details = { address: address.read(), limit: this.#endpoint.limits.maxConnectionsPerAddress }
    this.#endpoint.throttledLog.write(`maxConnectionsPerAddress ${isProxy}`, (count) =>
      request.server.log.warn({ ...details, count }, message),
    )
  }

  #excess(status: 429 | 503, limit: keyof Limits, retryAfter: number): Excess {
    tellLimit(this.#endpoint, limit)
    return { status, limit, retryAfter }
  }
}
