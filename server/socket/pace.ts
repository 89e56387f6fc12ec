import {
  CLOSE_POLICY_VIOLATION,
  type Message,
  PHX_JOIN,
  PHX_LEAVE,
  RATE_LIMITED,
  Reply,
} from '../../protocol/index.ts'
import { publishLimit, publishRefusedJoin } from './instrumentation.ts'
import { type SocketRates, TokenBucket } from './rate.ts'
import type { Socket } from './socket.ts'

/** Rate limiter of one connection (LIMIT-1 to LIMIT-3). Its token buckets are created on first use. */
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

  /**
   * Charge a message to the rate limit. Returns true if the message must be handled: it is within the rate, or it is a
   * leave. Any other message gets an error reply, unless its ref is null. After too many refusals (`maxRefusals`),
   * closes the connection and returns false, even for a leave.
   */
  admits(message: Message, socket: Socket): boolean {
    const isJoin = message.event === PHX_JOIN
    const tokens = isJoin ? this.#joinTokens() : this.#messageTokens()
    const price = this.#priceOf(message)
    // `host.now` is a cheaper clock that may lag behind. Read the exact time only if the bucket has too few tokens at
    // `host.now`.
    if (tokens.take(socket.host.now, price) || tokens.take(performance.now(), price)) return true
    return this.#refuse(message, socket)
  }

  /**
   * Number of tokens that a message, heartbeat, ping or pong costs; a large one costs more. A message that is refused
   * takes its tokens from `#refusals` instead of `#joins` or `#messages`.
   */
  #priceOf({ size }: { readonly size: number }): number {
    return Math.max(1, Math.ceil(size / this.#rates.bytesPerToken))
  }

  /**
   * Charge a heartbeat, a ping or a pong, which bypass all queues. A heartbeat with a large payload costs as many tokens
   * as a message of its size. If there are too few tokens, closes the connection and returns false.
   */
  admitsHeartbeat(socket: Socket, sent: { readonly size: number }): boolean {
    this.#heartbeats ??= new TokenBucket(this.#rates.heartbeats)
    const price = this.#priceOf(sent)
    if (this.#heartbeats.take(socket.host.now, price) || this.#heartbeats.take(performance.now(), price))
      return true
    publishLimit(socket.host, 'heartbeatRate')
    socket.close(CLOSE_POLICY_VIOLATION, 'closed')
    return false
  }

  /**
   * Charge the bytes of a replay to a separate token bucket, which refills at `messageRate`. Returns the milliseconds
   * to wait before the next replay. Without this limit, a client could rejoin repeatedly and receive replays faster
   * than the client may send messages.
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

  /** Refuse a message above the rate limit. Returns true only for a leave (`phx_leave`), which is handled anyway. */
  #refuse(message: Message, socket: Socket): boolean {
    const { event, ref, joinRef, topic } = message
    const isJoin = event === PHX_JOIN
    const now = performance.now()
    publishLimit(socket.host, isJoin ? 'joinRate' : 'messageRate')
    this.#refusals ??= new TokenBucket(this.#rates.refusals)
    const price = this.#priceOf(message)
    if (!this.#refusals.take(now, price)) {
      publishLimit(socket.host, 'maxRefusals')
      socket.close(CLOSE_POLICY_VIOLATION, 'closed')
      return false
    }
    // Admit a leave, because a client whose leave is refused would wait forever.
    if (event === PHX_LEAVE) return true
    if (isJoin) publishRefusedJoin(socket, message, RATE_LIMITED)
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
