import type { Broadcast } from '../../protocol/index.ts'
import type { EngineNode } from '../engine/engine.ts'
import type { Deliver, Gap, PubSubAdapter } from '../pubsub/adapter.ts'
import type { RedisConnection } from './connection.ts'
import { decodeBroadcast, encodeBroadcast } from './message.ts'

/** Keeps data of a topic, such as its presences, up to date while this node has subscribers to the topic. */
export interface TopicFollower {
  /**
   * Called when a topic has its first local subscriber. A returned promise resolves when the topic's data is up to
   * date, or after a timeout. The promise never rejects.
   */
  entered(topic: string): void | Promise<void>
  /** Called when a topic has lost its last local subscriber. */
  left(topic: string): void
}

/**
 * Receiver of broadcasts on topics with a history. On these topics, every node delivers a broadcast when it arrives
 * from Redis. This includes the node that published the broadcast.
 */
export interface EchoReceiver {
  /** Handle a message from the Redis channel of a topic. Returns false if the message is an ordinary broadcast. */
  received(topic: string, message: Buffer): boolean
  /**
   * Called when messages from the Redis channel of a topic may have been missed. Returns true if the receiver recovers
   * the messages itself.
   */
  missed(topic: string): boolean
}

/** Sends broadcasts to other nodes over Redis. */
export class RedisAdapter implements PubSubAdapter {
  readonly #connection: RedisConnection
  readonly #follower: TopicFollower
  readonly #maxUnsentBytes: number
  /** Subscribed topics, by Redis channel. */
  readonly #topics: Map<string, string>
  /** Receiver of all broadcasts (including this node's) on topics with a history. Null if no topic has a history. */
  echoes: EchoReceiver | null
  #node: EngineNode | null
  #deliver: Deliver
  #gap: Gap
  /** Bytes of messages that Redis has not acknowledged, including sent messages. Limited by `maxUnsentBytes`. */
  #unsentBytes: number
  #isOverflowing: boolean

  constructor(connection: RedisConnection, follower: TopicFollower, maxUnsentBytes: number) {
    this.#connection = connection
    this.#follower = follower
    this.#maxUnsentBytes = maxUnsentBytes
    this.#topics = new Map()
    this.echoes = null
    this.#node = null
    this.#deliver = () => {}
    this.#gap = () => {}
    this.#unsentBytes = 0
    this.#isOverflowing = false
    connection.subscriptions.onGap((channels) => this.#missed(channels))
  }

  /** Sets the id and the logger of this node. The adapter ignores broadcasts from Redis with this id. */
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
    const subscribed = this.#connection.subscriptions.subscribe(channel, (message) =>
      this.#received(topic, message),
    )
    const entered = this.#follower.entered(topic)
    if (subscribed === undefined) return entered
    return entered === undefined ? subscribed : both(subscribed, entered)
  }

  unsubscribe(topic: string): void {
    const channel = this.#connection.keys.topic(topic)
    this.#topics.delete(channel)
    this.#connection.subscriptions.unsubscribe(channel)
    this.#follower.left(topic)
  }

  /** Publish to the other nodes. Resolves with false if Redis is unavailable, refuses the command, or is too slow. */
  async publish(broadcast: Broadcast): Promise<boolean> {
    const message = encodeBroadcast(this.#nodeId, broadcast)
    if (this.#isFull(message.length)) return false
    this.#unsentBytes += message.length
    try {
      await this.#connection.publish(this.#connection.keys.topic(broadcast.topic), message)
      return true
    } catch {
      // Do not log the error, because the connection logs each outage and each refused command once.
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
        'redis too slow for the rate of broadcasts: some broadcasts are not sent to other nodes',
      )
    }
    this.#isOverflowing = true
    return true
  }

  #received(topic: string, message: Buffer): void {
    if (this.echoes?.received(topic, message)) return
    const broadcast = decodeBroadcast(this.#nodeId, topic, message)
    if (broadcast !== null) this.#deliver(broadcast)
  }

  #missed(channels: readonly string[]): void {
    const topics = channels.flatMap((channel) => this.#topics.get(channel) ?? [])
    const lost = topics.filter((topic) => this.echoes?.missed(topic) !== true)
    if (lost.length > 0) this.#gap(lost)
  }
}

async function both(subscribed: Promise<void>, entered: Promise<void>): Promise<void> {
  await subscribed
  await entered
}
