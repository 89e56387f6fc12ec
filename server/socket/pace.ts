import {
  CLOSE_POLICY_VIOLATION,
  type Message,
  PHX_JOIN,
  PHX_LEAVE,
  RATE_LIMITED,
  Reply,
} from '../../protocol/index.ts'
import { tellLimit, tellRefusedJoin } from './observed.ts'
import { type SocketRates, TokenBucket } from './rate.ts'
import type { Socket } from './socket.ts'

/** How fast one connection sends (LIMIT-1 to LIMIT-3). Its buckets are made when they are needed. */
export class Pace {
  readonly #rates: SocketRates
  #messages: TokenBucket | null
  #joins: TokenBucket | null
  #heartbeats: TokenBucket | null
  #refusals: TokenBucket | null
  #replays: TokenBucket | null

  constructor(rates: SocketRates) {
    this.#rates = rates
    this.#messages = null
    this.#joins = null
    this.#heartbeats = null
    this.#refusals = null
    this.#replays = null
  }

  /** Whether a message may go on; if it comes too soon after others, it has its answer. */
  admits(message: Message, socket: Socket): boolean {
    const isJoin = message.event === PHX_JOIN
    const tokens = isJoin ? this.#joinTokens() : this.#messageTokens()
    const price = this.#priceOf(message)
    // The clock that costs something is read only where it matters.
    if (tokens.take(socket.host.now, price) || tokens.take(performance.now(), price)) return true
    return this.#isForgiven(message, socket)
  }

  /** A large message costs as much as many small ones, also when it is refused: it has been parsed. */
  #priceOf({ size }: Message): number {
    return Math.max(1, Math.ceil(size / this.#rates.bytesPerToken))
  }

  /** Whether a heartbeat, ping or pong may go on. They overtake all else, so one too many ends the connection. */
  admitsHeartbeat(socket: Socket): boolean {
    this.#heartbeats ??= new TokenBucket(this.#rates.heartbeats)
    if (this.#heartbeats.take(socket.host.now) || this.#heartbeats.take(performance.now())) return true
    tellLimit(socket.host, 'heartbeatRate')
    socket.close(CLOSE_POLICY_VIOLATION, 'closed')
    return false
  }

  /**
   * Milliseconds to wait after so many bytes were replayed: a client that comes back again and again gets what it has
   * missed no faster than it may send.
   */
  chargeReplay(bytes: number): number {
    const price = Math.max(1, Math.ceil(bytes / this.#rates.bytesPerToken))
    this.#replays ??= new TokenBucket(this.#rates.messages)
    const now = performance.now()
    if (this.#replays.take(now, price)) return 0
    const wait = this.#replays.wait(now, price)
    this.#replays.take(now + wait, price)
    return wait
  }

  #isForgiven(message: Message, socket: Socket): boolean {
    const { event, ref, joinRef, topic } = message
    const isJoin = event === PHX_JOIN
    const now = performance.now()
    tellLimit(socket.host, isJoin ? 'joinRate' : 'messageRate')
    this.#refusals ??= new TokenBucket(this.#rates.refusals)
    const price = this.#priceOf(message)
    if (!this.#refusals.take(now, price)) {
      tellLimit(socket.host, 'maxRefusals')
      socket.close(CLOSE_POLICY_VIOLATION, 'closed')
      return false
    }
    // A client that is refused to leave would wait for ever.
    if (event === PHX_LEAVE) return true
    if (isJoin) tellRefusedJoin(socket, message, RATE_LIMITED)
    if (ref === null) return false
    const wait = (isJoin ? this.#joinTokens() : this.#messageTokens()).wait(now, price)
    const response = { reason: RATE_LIMITED, retry_after_ms: wait }
    socket.send(new Reply(joinRef, ref, topic, 'error', response))
    return false
  }

  #joinTokens(): TokenBucket {
    this.#joins ??= new TokenBucket(this.#rates.joins)
    return this.#joins
  }

  #messageTokens(): TokenBucket {
    this.#messages ??= new TokenBucket(this.#rates.messages)
    return this.#messages
  }
}
