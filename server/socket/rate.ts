import type { Limits } from '../limits/config.ts'

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

  /**
   * Take tokens, if they are there; `now` may lag behind, then some are not there yet. More than the
   * bucket holds are taken when it is full.
   */
  take(now: number, tokens = 1): boolean {
    const { msToFill } = this.#rate
    const fullAt = Math.max(this.#fullAt, now) + this.#timeOf(tokens)
    if (fullAt - now > msToFill + ROUNDING_MS) return false
    this.#fullAt = fullAt
    return true
  }

  /** Whole milliseconds until the tokens are there. */
  wait(now: number, tokens = 1): number {
    const { msToFill } = this.#rate
    return Math.max(0, Math.ceil(this.#fullAt + this.#timeOf(tokens) - msToFill - now - ROUNDING_MS))
  }

  isFull(now: number): boolean {
    return this.#fullAt <= now
  }

  /** Milliseconds in which so many tokens come. */
  #timeOf(tokens: number): number {
    const { msPerToken, msToFill } = this.#rate
    return Math.min(tokens * msPerToken, msToFill)
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
  /** A message or join takes one token for each so many bytes of it. */
  readonly bytesPerToken: number
}

/** What the limits say of it. */
export function socketRates(limits: Limits): SocketRates {
  return Object.freeze({
    messages: new Rate(limits.messageRate, limits.messageBurst),
    joins: new Rate(limits.joinRate, limits.joinBurst),
    heartbeats: new Rate(limits.heartbeatRate, limits.heartbeatBurst),
    refusals: new Rate(limits.maxRefusals / 60, limits.maxRefusals),
    bytesPerToken: limits.messageBytes,
  })
}
