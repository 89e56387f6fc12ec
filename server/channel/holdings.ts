import type { Broadcast } from '../../protocol/index.ts'
import type { PubSub, Subscriber } from '../pubsub/pubsub.ts'
import type { CancelInfo } from './channel-socket.ts'

/** A channel as those see it that it has asked for something. */
export interface Holder {
  readonly id: string
  readonly topic: string
  /** Its broadcasts that leave out their sender are from this id or from `id`. */
  readonly senderId: string
  sendInfo(name: string, value?: unknown): void
  /** A listener of the channel's end threw. */
  listenerFailed(cause: unknown): void
}

/** Hears of a channel's end. */
export interface EndListener {
  ended(channel: Holder): void
}

/** What a channel holds elsewhere and gives back when it ends: timers, subscriptions, listeners. */
export class Holdings {
  readonly #channel: Holder
  readonly #pubsub: PubSub
  readonly #timers: Set<NodeJS.Timeout>
  readonly #subscriptions: Map<string, Subscription>
  readonly #listeners: Set<EndListener>

  constructor(channel: Holder, pubsub: PubSub) {
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

  /** Subscribe the channel to another topic, once. */
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

  /** Have a listener told once when the channel ends. */
  addListener(listener: EndListener): void {
    this.#listeners.add(listener)
  }

  /** The channel has ended. */
  release(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const topic of this.#subscriptions.keys()) this.unsubscribe(topic)
    for (const listener of this.#listeners) {
      try {
        listener.ended(this.#channel)
      } catch (cause) {
        this.#channel.listenerFailed(cause)
      }
    }
    this.#listeners.clear()
  }
}

/** What it receives comes in at the channel's `handleInfo.broadcast`. */
class Subscription implements Subscriber {
  readonly #channel: Holder

  constructor(channel: Holder) {
    this.#channel = channel
  }

  /** The channel's: its own `broadcastFrom` does not come back to it. */
  get id(): string {
    return this.#channel.id
  }

  receive(broadcast: Broadcast): void {
    const { from } = broadcast
    if (from === null || from !== this.#channel.senderId) this.#channel.sendInfo('broadcast', broadcast)
  }
}
