import { CANCELLED, type Frame, type Message, OVERLOADED } from '../../protocol/index.ts'
import type { Channel } from '../channel/channel.ts'
import type { BurstQueue, QueueEntry } from '../limits/burst-queue.ts'
import type { Route } from './define-socket.ts'
import { tellLimit } from './observed.ts'

/** A join that is not answered yet, or not in its turn. */
export class PendingJoin implements QueueEntry {
  readonly channel: Channel
  /** The channel that it replaces; told of its end after the new join's reply (JOIN-9). */
  replaced: Channel | null
  /** The reply, once the join is decided. */
  reply: Frame | null
  isOk: boolean
  /** What the client sent to the topic meanwhile. */
  waiting: Message[]
  /** Whether it waits for its start. */
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
    // The assigns of now: a fresh token may have come while it waited.
    this.channel.join(this.#message.payload, this.#route)
  }

  refuse(): void {
    this.#release()
    tellLimit(this.channel.connection.host, 'maxJoinWait')
    this.channel.refuse(this.#message.payload, OVERLOADED)
  }

  /** The client wants it no longer; true if it is not too late. */
  cancel(admission: BurstQueue): boolean {
    if (!admission.remove(this)) return false
    this.#release()
    this.channel.refuse(this.#message.payload, CANCELLED)
    return true
  }

  #release(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.channel.connection.dequeued(this.#message.size)
  }
}

/** The pending joins of one connection: their replies leave in the order of the requests (ORDER-3). */
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

  /** The pending join of a channel; undefined if the connection has forgotten it. */
  find(channel: Channel): PendingJoin | undefined {
    for (const join of this.#joins) if (join.channel === channel) return join
    return undefined
  }

  /** The connection is gone: nobody wants those that have not begun. */
  abandon(admission: BurstQueue): void {
    for (const join of this.#joins) if (join.isHeld) admission.remove(join)
  }

  /** Take out the oldest join if it is decided. */
  takeDecided(): PendingJoin | undefined {
    return this.#joins[0]?.reply == null ? undefined : this.#joins.shift()
  }
}
