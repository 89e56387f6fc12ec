import type { Frame, Message } from '../../protocol/index.ts'
import type { Channel } from '../channel/channel.ts'

/** A join that is not answered yet, or not in its turn. */
export class PendingJoin {
  readonly channel: Channel
  /** The channel that it replaces; told of its end after the new join's reply (JOIN-9). */
  readonly replaced: Channel | null
  /** The reply, once the join is decided. */
  reply: Frame | null
  isOk: boolean
  /** What the client sent to the topic meanwhile. */
  waiting: Message[]

  constructor(channel: Channel, replaced: Channel | null) {
    this.channel = channel
    this.replaced = replaced
    this.reply = null
    this.isOk = false
    this.waiting = []
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
    return this.#joins.find((join) => join.channel === channel)
  }

  /** Take out the oldest join if it is decided. */
  takeDecided(): PendingJoin | undefined {
    return this.#joins[0]?.reply == null ? undefined : this.#joins.shift()
  }
}
