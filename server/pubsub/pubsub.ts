import { callback, checkOption } from '../../protocol/check.ts'
import type { Broadcast } from '../../protocol/index.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import { type Gap, type PubSubAdapter, pubsubAdapter } from './adapter.ts'

/** Something that receives the broadcasts of the topics it subscribes to. */
export interface Subscriber {
  /** Unique in the cluster; `broadcastFrom` leaves out the subscriber of this id (BROADCAST-2). */
  readonly id: string
  /** Take one broadcast. It must not throw because of anything but the broadcast itself. */
  receive(broadcast: Broadcast): void
}

/** Delivers one broadcast to a topic's local subscribers. */
export type Dispatch = (subscribers: ReadonlySet<Subscriber>, broadcast: Broadcast) => void

/** Told what a call of the adapter has thrown. */
export type AdapterFailed = (call: string, cause: unknown) => void

/** The local registry of topics and their subscribers, and the way to those of other nodes. */
export class PubSub {
  readonly #adapter: PubSubAdapter
  readonly #dispatch: Dispatch
  readonly #failed: AdapterFailed
  readonly #topics: Map<string, Set<Subscriber>>
  /** Subscriptions of the adapter that do not stand yet. */
  readonly #pending: Map<string, Promise<void>>

  constructor(adapter: PubSubAdapter, dispatch: Dispatch, failed: AdapterFailed = ignore) {
    checkOption('the adapter of a PubSub', adapter, pubsubAdapter)
    checkOption('the dispatch of a PubSub', dispatch, callback)
    this.#adapter = adapter
    this.#dispatch = dispatch
    this.#failed = failed
    this.#topics = new Map()
    this.#pending = new Map()
  }

  /** Connect to the other nodes; `gap` is told the topics whose broadcasts may have been missed. */
  start(gap: Gap = ignore): void | Promise<void> {
    return this.#adapter.start((broadcast) => this.#deliver(broadcast), gap)
  }

  /** Disconnect from the other nodes. */
  stop(): void | Promise<void> {
    return this.#adapter.stop()
  }

  /** Subscribe once; a promise came back if other nodes' broadcasts arrive only when it settles. */
  subscribe(topic: string, subscriber: Subscriber): void | Promise<void> {
    const subscribers = this.#topics.get(topic)
    if (subscribers !== undefined) {
      subscribers.add(subscriber)
      return this.#pending.get(topic)
    }
    this.#topics.set(topic, new Set([subscriber]))
    const standing = this.#call('subscribe', topic)
    if (standing !== undefined) return this.#shared(topic, standing)
  }

  /** Unsubscribe; does nothing if it was not subscribed. */
  unsubscribe(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#topics.get(topic)
    if (subscribers === undefined || !subscribers.delete(subscriber) || subscribers.size > 0) return
    this.#topics.delete(topic)
    // An async function fits the type: what it rejects with would end the process.
    const left = this.#call('unsubscribe', topic)
    if (isPromise(left)) adopt(left).catch((cause: unknown) => this.#failed('unsubscribe', cause))
  }

  /** To every subscriber on every node; a promise tells whether the other nodes were sent it. */
  broadcast(broadcast: Broadcast): Promise<boolean> | undefined {
    let published: Promise<boolean> | undefined
    try {
      published = this.#adapter.publish(broadcast)
    } catch (cause) {
      published = Promise.resolve(false)
      this.#failed('publish', cause)
    }
    this.localBroadcast(broadcast)
    return published
  }

  /** To the subscribers on this node only, before it returns. */
  localBroadcast(broadcast: Broadcast): void {
    const subscribers = this.#topics.get(broadcast.topic)
    if (subscribers !== undefined) this.#dispatch(subscribers, broadcast)
  }

  /** The local subscribers of a topic. */
  subscribers(topic: string): ReadonlySet<Subscriber> {
    return this.#topics.get(topic) ?? NOBODY
  }

  /** The topics that begin with `prefix` and have local subscribers, unsorted. */
  *topics(prefix: string): Generator<string> {
    for (const topic of this.#topics.keys()) if (topic.startsWith(prefix)) yield topic
  }

  /** A broadcast of another node that cannot be delivered is no reason to lose the next. */
  #deliver(broadcast: Broadcast): void {
    try {
      this.localBroadcast(broadcast)
    } catch (cause) {
      this.#failed('deliver', cause)
    }
  }

  /** The adapter may be anybody's: what it throws is reported, and ends no channel. */
  #call(name: 'subscribe' | 'unsubscribe', topic: string): void | Promise<void> {
    try {
      return this.#adapter[name](topic)
    } catch (cause) {
      this.#failed(name, cause)
    }
  }

  /** Have those who subscribe to the topic meanwhile wait for the same subscription. */
  #shared(topic: string, standing: Promise<void>): Promise<void> {
    const settled = adopt(standing).finally(() => {
      if (this.#pending.get(topic) === settled) this.#pending.delete(topic)
    })
    this.#pending.set(topic, settled)
    return settled
  }
}

function ignore(): void {}

const NOBODY: ReadonlySet<Subscriber> = new Set()
