import type { FastifyRequest } from 'fastify'
import type { Limits } from '../config.ts'
import type { Endpoint } from '../endpoint.ts'
import { tellLimit } from '../socket/observed.ts'
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

  /** A client asks to connect: null if there is room for it. */
  ask(request: FastifyRequest): Excess | null {
    const excess = this.look()
    if (excess !== null) return excess
    const wait = this.#addresses.take(request)
    return wait === null ? null : this.#excess(429, 'connectionRate', Math.ceil(wait / 1_000))
  }

  /** The same without a client, who may have been asked for much while others came. */
  look(): Excess | null {
    const { sockets, limits, admission } = this.#endpoint
    if (sockets.size >= limits.maxConnections) return this.#excess(503, 'maxConnections', OVERLOADED_SECONDS)
    return admission.isFull ? this.#excess(503, 'maxWaitingJoins', OVERLOADED_SECONDS) : null
  }

  #excess(status: 429 | 503, limit: keyof Limits, retryAfter: number): Excess {
    tellLimit(this.#endpoint, limit)
    return { status, limit, retryAfter }
  }
}
