import { CANCELLED, type Frame, type Message, OVERLOADED } from '../../protocol/index.ts'
import type { Channel } from '../channel/channel.ts'
import { refuseUncalled, runJoin } from '../channel/join.ts'
import type { BurstQueue, QueueEntry } from '../limits/burst-queue.ts'
import type { Route } from './define-socket.ts'
import { publishLimit } from './instrumentation.ts'

/**
 * Join whose reply is not sent yet: the `join` callback has no result yet, or the reply waits for the replies to
 * earlier joins.
 */
export class PendingJoin implements QueueEntry {
  readonly channel: Channel
  /**
   * Channel that this join replaces. The `phx_close` of the replaced channel is sent after the reply to this join
   * (JOIN-9).
   */
  replaced: Channel | null
  /** Encoded reply; null until the join is decided. */
  reply: Frame | null
  isOk: boolean
  /** Messages that the client sent to the topic after this join. They are handled after the reply. */
  waiting: Message[]
  /** True while the join waits in the burst queue, before its `join` callback starts. */
  isHeld: boolean
  readonly #message: Message
  readonly #route: Route

  constructor(channel: Channel, message: Message, route: Route) {
    this.channel = channel
    this.replaced = null
    this.reply = null
    this.isOk = false
    this.waiting = []
    this.isHeld = false
    this.#message = message
    this.#route = route
  }

  hold(): void {
    this.isHeld = true
    this.channel.connection.queued(this.#message.size)
  }

  start(): void {
    this.#release()
    // `runJoin` reads the socket's assigns only now, because a fresh token may have replaced them while the join
    // waited.
    runJoin(this.channel, this.#message.payload, this.#route)
  }

  refuse(): void {
    this.#release()
    publishLimit(this.channel.connection.host, 'maxJoinWait')
    refuseUncalled(this.channel, this.#message.payload, { reason: OVERLOADED })
  }

  /** Cancel the join. Returns false if the join has already started. */
  cancel(admission: BurstQueue): boolean {
    if (!admission.remove(this)) return false
    this.#release()
    refuseUncalled(this.channel, this.#message.payload, { reason: CANCELLED })
    return true
  }

  /** Do not start the join, because it is decided or the connection has closed. */
  withdraw(admission: BurstQueue): void {
    if (this.isHeld && admission.remove(this)) this.#release()
  }

  #release(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.channel.connection.dequeued(this.#message.size)
  }
}

/** Pending joins of one connection. Their replies are sent in the order of the requests (ORDER-3). */
export class JoinQueue {
  readonly #joins: PendingJoin[]

  constructor() {
    this.#joins = []
  }

  get isEmpty(): boolean {
    return this.#joins.length === 0
  }

  add(join: PendingJoin): void {
    this.#joins.push(join)
  }

  /** Pending join of a channel, or undefined. */
  find(channel: Channel): PendingJoin | undefined {
    for (const join of this.#joins) if (join.channel === channel) return join
    return undefined
  }

  /** Remove from the burst queue all joins that have not started. Called when the connection has closed. */
  abandon(admission: BurstQueue): void {
    for (const join of this.#joins) join.withdraw(admission)
  }

  /** Remove and return the oldest join if it is decided. */
  takeDecided(): PendingJoin | undefined {
    return this.#joins[0]?.reply == null ? undefined : this.#joins.shift()
  }
}
