import type { Broadcast } from '../../protocol/index.ts'
import type { EngineNode } from '../engine/engine.ts'
import type { Deliver, Gap, PubSubAdapter } from '../pubsub/adapter.ts'
import type { RedisConnection } from './connection.ts'
import { decode, encode } from './message.ts'

/** Something else that follows a topic while this node has subscribers of it. */
export interface TopicFollower {
  /** The topic has local subscribers now. A promise, which never rejects, settles when it is followed. */
  entered(topic: string): void | Promise<void>
  /** It has none any more. */
  left(topic: string): void
}

/** Carries broadcasts between the nodes over Redis. */
export class RedisAdapter implements PubSubAdapter {
  readonly #connection: RedisConnection
  readonly #follower: TopicFollower
  readonly #maxUnsentBytes: number
  /** The topics that are subscribed to, by channel. */
  readonly #topics: Map<string, string>
  #node: EngineNode | null
  #deliver: Deliver
  #gap: Gap
  /** Bytes that Redis has not said yet that it took. */
  #unsentBytes: number
  #isOverflowing: boolean

  constructor(connection: RedisConnection, follower: TopicFollower, maxUnsentBytes: number) {
    this.#connection = connection
    this.#follower = follower
    this.#maxUnsentBytes = maxUnsentBytes
    this.#topics = new Map()
    this.#node = null
    this.#deliver = () => {}
    this.#gap = () => {}
    this.#unsentBytes = 0
    this.#isOverflowing = false
    connection.subscriptions.onGap((channels) => this.#missed(channels))
  }

  /** Whose own broadcasts are skipped when they come back, and where losses are written of. */
  set node(node: EngineNode) {
    this.#node = node
  }

  start(deliver: Deliver, gap: Gap): void {
    this.#deliver = deliver
    this.#gap = gap
  }

  stop(): void {
    this.#deliver = () => {}
    this.#gap = () => {}
  }

  subscribe(topic: string): void | Promise<void> {
    const channel = this.#connection.keys.topic(topic)
    this.#topics.set(channel, topic)
    const stands = this.#connection.subscriptions.subscribe(channel, (message) =>
      this.#received(topic, message),
    )
    const entered = this.#follower.entered(topic)
    if (stands === undefined) return entered
    return entered === undefined ? stands : both(stands, entered)
  }

  unsubscribe(topic: string): void {
    const channel = this.#connection.keys.topic(topic)
    this.#topics.delete(channel)
    this.#connection.subscriptions.unsubscribe(channel)
    this.#follower.left(topic)
  }

  /** False when Redis did not take it: it is away, refuses it, or is slower than what is sent to it. */
  async publish(broadcast: Broadcast): Promise<boolean> {
    const message = encode(this.#nodeId, broadcast)
    if (this.#isFull(message.length)) return false
    this.#unsentBytes += message.length
    try {
      await this.#connection.publish(this.#connection.keys.topic(broadcast.topic), message)
      return true
    } catch {
      // The connection writes of an outage, and of what Redis refuses, once.
      return false
    } finally {
      this.#unsentBytes -= message.length
    }
  }

  get #nodeId(): string {
    return this.#node?.nodeId ?? ''
  }

  #isFull(bytes: number): boolean {
    if (this.#unsentBytes === 0) this.#isOverflowing = false
    if (this.#unsentBytes + bytes <= this.#maxUnsentBytes) return false
    if (!this.#isOverflowing) {
      this.#node?.logger.warn(
        { unsentBytes: this.#unsentBytes, maxUnsentBytes: this.#maxUnsentBytes },
        'Redis takes broadcasts more slowly than they come: some do not reach the other nodes',
      )
    }
    this.#isOverflowing = true
    return true
  }

  #received(topic: string, message: Buffer): void {
    const broadcast = decode(this.#nodeId, topic, message)
    if (broadcast !== null) this.#deliver(broadcast)
  }

  #missed(channels: readonly string[]): void {
    const topics = channels.flatMap((channel) => this.#topics.get(channel) ?? [])
    if (topics.length > 0) this.#gap(topics)
  }
}

async function both(stands: Promise<void>, entered: Promise<void>): Promise<void> {
  await stands
  await entered
}
