import type { Limits } from '../config.ts'

/** How often something may happen: so many times a second, and so many times at once. */
export class Rate {
  readonly msPerToken: number
  readonly msToFill: number

  constructor(perSecond: number, burst: number) {
    this.msPerToken = 1_000 / perSecond
    this.msToFill = burst * this.msPerToken
  }
}

/** What sums of many fractions may be off by, in ms. */
const ROUNDING_MS = 1e-6

/** A token bucket. All that it knows is when it is full again, so that it needs no timer to fill. */
export class TokenBucket {
  readonly #rate: Rate
  #fullAt: number

  constructor(rate: Rate) {
    this.#rate = rate
    this.#fullAt = 0
  }

  /** Take a token, if there is one; `now` may lag behind, then some are not there yet. */
  take(now: number): boolean {
    const { msPerToken, msToFill } = this.#rate
    const fullAt = Math.max(this.#fullAt, now) + msPerToken
    if (fullAt - now > msToFill + ROUNDING_MS) return false
    this.#fullAt = fullAt
    return true
  }

  /** Whole milliseconds until there is a token. */
  wait(now: number): number {
    const { msPerToken, msToFill } = this.#rate
    return Math.max(0, Math.ceil(this.#fullAt + msPerToken - msToFill - now - ROUNDING_MS))
  }

  isFull(now: number): boolean {
    return this.#fullAt <= now
  }
}

/** How fast each connection of an endpoint may send. */
export type SocketRates = {
  readonly messages: Rate
  readonly joins: Rate
  /** Of heartbeats, and of the pings and pongs of WebSocket. */
  readonly heartbeats: Rate
  /** Of what is refused because of the other two. */
  readonly refusals: Rate
}

/** What the limits say of it. */
export function socketRates(limits: Limits): SocketRates {
  return Object.freeze({
    messages: new Rate(limits.messageRate, limits.messageBurst),
    joins: new Rate(limits.joinRate, limits.joinBurst),
    heartbeats: new Rate(limits.heartbeatRate, limits.heartbeatBurst),
    refusals: new Rate(limits.maxRefusals / 60, limits.maxRefusals),
  })
}
