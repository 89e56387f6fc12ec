import type { Limits } from '../limits/config.ts'

/**
 * Rate and size of a token bucket, both stored in milliseconds: the time to refill one token, and the time to fill the
 * bucket.
 */
export class Rate {
  readonly msPerToken: number
  readonly msToFill: number

  constructor(perSecond: number, burst: number) {
    this.msPerToken = 1_000 / perSecond
    this.msToFill = burst * this.msPerToken
  }
}

/** Tolerance for rounding errors of sums, in milliseconds. */
const ROUNDING_MS = 1e-6

/** Token bucket. It stores only the time at which the bucket will be full, so no timer is needed to refill it. */
export class TokenBucket {
  readonly #rate: Rate
  #fullAt: number

  constructor(rate: Rate) {
    this.#rate = rate
    this.#fullAt = 0
  }

  /**
   * Take tokens out of the bucket. Returns false if the bucket has too few tokens. If `tokens` is above the size of the
   * bucket, a full bucket is sufficient. If `now` lags behind the real time, fewer tokens are available.
   */
  take(now: number, tokens = 1): boolean {
    const { msToFill } = this.#rate
    const fullAt = Math.max(this.#fullAt, now) + this.#timeOf(tokens)
    if (fullAt - now > msToFill + ROUNDING_MS) return false
    this.#fullAt = fullAt
    return true
  }

  /** Milliseconds, rounded up, until this many tokens are available. */
  wait(now: number, tokens = 1): number {
    const { msToFill } = this.#rate
    return Math.max(0, Math.ceil(this.#fullAt + this.#timeOf(tokens) - msToFill - now - ROUNDING_MS))
  }

  isFull(now: number): boolean {
    return this.#fullAt <= now
  }

  /** Milliseconds in which this many tokens are refilled, at most the time to fill the bucket. */
  #timeOf(tokens: number): number {
    const { msPerToken, msToFill } = this.#rate
    return Math.min(tokens * msPerToken, msToFill)
  }
}

/** Maximum rates at which the client of a connection may send. */
export type SocketRates = {
  readonly messages: Rate
  readonly joins: Rate
  /** Rate of heartbeats, and of WebSocket pings and pongs. */
  readonly heartbeats: Rate
  /** If messages and joins are refused at more than this rate, the connection is closed. */
  readonly refusals: Rate
  /** Number of bytes per token: a larger message or join costs several tokens. */
  readonly bytesPerToken: number
}

/** Create the settings of a connection's token buckets from the configured limits. */
export function socketRates(limits: Limits): SocketRates {
  return Object.freeze({
    messages: new Rate(limits.messageRate, limits.messageBurst),
    joins: new Rate(limits.joinRate, limits.joinBurst),
    heartbeats: new Rate(limits.heartbeatRate, limits.heartbeatBurst),
    refusals: new Rate(limits.maxRefusals / 60, limits.maxRefusals),
    bytesPerToken: limits.messageBytes,
  })
}
