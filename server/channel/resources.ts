import type { Broadcast } from '../../protocol/index.ts'
import type { PubSub, Subscriber } from '../pubsub/pubsub.ts'
import type { CancelInfo } from './channel-socket.ts'

/** Interface through which timers, subscriptions and listeners use their channel. */
export interface ResourceOwner {
  readonly id: string
  readonly topic: string
  /** Sender of the broadcasts that the channel sends with `broadcastFrom`. May differ from `id` (RECOVERY-7). */
  readonly senderId: string
  sendInfo(name: string, value?: unknown): void
  /** Report an error of an `EndListener`. `callback` is the name in the report, here always `'onEnd'`. */
  report(callback: string, cause: unknown): unknown
}

export interface EndListener {
  ended(channel: ResourceOwner): void
}

/** Timers and subscriptions of a channel, and listeners to call at its end. The channel's end releases all of them. */
export class Resources {
  readonly #channel: ResourceOwner
  readonly #pubsub: PubSub
  readonly #timers: Set<NodeJS.Timeout>
  readonly #subscriptions: Map<string, Subscription>
  readonly #listeners: Set<EndListener>

  constructor(channel: ResourceOwner, pubsub: PubSub) {
    this.#channel = channel
    this.#pubsub = pubsub
    this.#timers = new Set()
    this.#subscriptions = new Map()
    this.#listeners = new Set()
  }

  /** Send the channel a message after `ms` milliseconds. */
  startTimer(ms: number, name: string, value: unknown): CancelInfo {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#channel.sendInfo(name, value)
    }, ms)
    this.#timers.add(timer)
    return () => {
      clearTimeout(timer)
      this.#timers.delete(timer)
    }
  }

  /** Subscribe the channel to another topic. Does nothing if the channel is already subscribed. */
  subscribe(topic: string): void | Promise<void> {
    if (this.#subscriptions.has(topic)) return
    const subscription = new Subscription(this.#channel)
    this.#subscriptions.set(topic, subscription)
    return this.#pubsub.subscribe(topic, subscription)
  }

  unsubscribe(topic: string): void {
    const subscription = this.#subscriptions.get(topic)
    if (subscription === undefined) return
    this.#subscriptions.delete(topic)
    this.#pubsub.unsubscribe(topic, subscription)
  }

  /** Add a listener that is called once when the channel ends. */
  addListener(listener: EndListener): void {
    this.#listeners.add(listener)
  }

  /** Release everything and call the listeners. Called when the channel has ended. */
  release(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const topic of this.#subscriptions.keys()) this.unsubscribe(topic)
    for (const listener of this.#listeners) {
      try {
        listener.ended(this.#channel)
      } catch (cause) {
        this.#channel.report('onEnd', cause)
      }
    }
    this.#listeners.clear()
  }
}

/** Subscription of a channel to another topic. Broadcasts go to `handleInfo.broadcast`. */
class Subscription implements Subscriber {
  readonly #channel: ResourceOwner

  constructor(channel: ResourceOwner) {
    this.#channel = channel
  }

  /** Id of the channel. The pubsub skips broadcasts from this id. `receive` skips broadcasts from `senderId`, too. */
  get id(): string {
    return this.#channel.id
  }

  receive(broadcast: Broadcast): void {
    const { from } = broadcast
    if (from === null || from !== this.#channel.senderId) this.#channel.sendInfo('broadcast', broadcast)
  }
}
