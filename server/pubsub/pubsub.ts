import { callback, checkOption } from '../../protocol/check.ts'
import type { Broadcast } from '../../protocol/index.ts'
import { adopt, ignore, isPromise } from '../runtime/promise.ts'
import { type Gap, type PubSubAdapter, pubsubAdapter } from './adapter.ts'
import type { Histories } from './histories.ts'
import type {
  Appended,
  HandOver,
  HistoryNote,
  HistorySettings,
  HistoryStore,
  OpenHistory,
} from './history.ts'
import { confirm, isKept, type KeepOptions, keep } from './keep.ts'
import { Replays } from './replays.ts'
import { TopicHistory } from './topic-history.ts'

/** Receiver of the broadcasts of subscribed topics. */
export interface Subscriber {
  /** Id, unique in the cluster. `broadcastFrom` skips the subscriber with this id (BROADCAST-2). */
  readonly id: string
  /** Receive one broadcast. Must not throw, unless the broadcast is invalid. */
  receive(broadcast: Broadcast): void
}

/** Delivers one broadcast to a topic's local subscribers. */
export type Dispatch = (subscribers: ReadonlySet<Subscriber>, broadcast: Broadcast) => void

/** Called with an error of the adapter, the history store or a delivery. `call` is the name of the failed call. */
export type AdapterFailed = (call: string, cause: unknown) => void

/** Histories of a PubSub's topics, and the callbacks for events of these histories. */
export type PubSubHistory = {
  readonly histories: Histories
  readonly open: OpenHistory
  /** Maximum memory of all histories on this node, in bytes. */
  readonly maxBytes: number
  /** Hand-over of the histories to the next process; null if the histories end with this process. */
  readonly handOver?: Pick<HandOver, 'file' | 'warn'> | null
  /** Called with the topics whose histories have lost broadcasts (RECOVERY-11). */
  broken(topics: readonly string[]): void
  note(note: HistoryNote): void
}

// Problem: a broadcast must reach the subscribers of a topic on all nodes, and each local subscriber exactly once.
//
// Approach: `PubSub` has the local subscribers by topic, and subscribes the adapter to each topic that has local
// subscribers. Broadcasts on topics without a history are delivered locally and published through the adapter.
// Broadcasts on topics with a history go through the store, which delivers them in order on all nodes.
//
// Invariant: the adapter is subscribed to a topic exactly while the topic has local subscribers.

/** Registry of topics and their local subscribers, connected to other nodes by an adapter. */
export class PubSub {
  readonly #adapter: PubSubAdapter
  readonly #dispatch: Dispatch
  readonly #failed: AdapterFailed
  readonly #topics: Map<string, Set<Subscriber>>
  /** Pending subscriptions of the adapter and the history store, by topic. */
  readonly #pending: Map<string, Promise<void>>
  /** History settings by topic; null if no topic has a history. */
  readonly #histories: Histories | null
  readonly #store: HistoryStore | null
  readonly #replays: Replays

  constructor(
    adapter: PubSubAdapter,
    dispatch: Dispatch,
    failed: AdapterFailed = ignore,
    history: PubSubHistory | null = null,
  ) {
    checkOption('new PubSub(): the argument `adapter`', adapter, pubsubAdapter)
    checkOption('new PubSub(): the argument `dispatch`', dispatch, callback)
    this.#adapter = adapter
    this.#dispatch = dispatch
    this.#failed = failed
    this.#topics = new Map()
    this.#pending = new Map()
    this.#histories = history === null || history.histories.isEmpty ? null : history.histories
    this.#store = history === null || this.#histories === null ? null : history.open(this.#hostOf(history))
    this.#replays = new Replays()
  }

  /** Run the periodic clean-up of the history store. */
  sweep(): void {
    this.#store?.sweep?.()
  }

  get histories(): readonly HistorySettings[] {
    return this.#histories?.settings ?? []
  }

  /** Memory of histories on this node, in bytes. */
  get historyBytes(): number {
    return this.#store?.bytes ?? 0
  }

  /** Connect to the other nodes. `gap` is called with topics on which this node may have missed broadcasts. */
  async start(gap: Gap = ignore): Promise<void> {
    await this.#adapter.start((broadcast) => this.#deliver(broadcast), gap)
    await this.#store?.start()
  }

  /** Disconnect from the other nodes. */
  async stop(): Promise<void> {
    try {
      await this.#store?.stop()
    } finally {
      await this.#adapter.stop()
    }
  }

  /**
   * Subscribe. Does nothing if the subscriber is subscribed already. If this node cannot receive broadcasts of other
   * nodes on the topic yet, returns a promise that settles as soon as the node can receive them.
   */
  subscribe(topic: string, subscriber: Subscriber): void | Promise<void> {
    const subscribers = this.#topics.get(topic)
    if (subscribers !== undefined) {
      subscribers.add(subscriber)
      return this.#pending.get(topic)
    }
    this.#topics.set(topic, new Set([subscriber]))
    const standing = this.#begin(topic)
    if (standing !== undefined) return this.#shared(topic, standing)
  }

  /** Unsubscribe. Does nothing if the subscriber is not subscribed. */
  unsubscribe(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#topics.get(topic)
    if (subscribers === undefined || !subscribers.delete(subscriber) || subscribers.size > 0) return
    this.#topics.delete(topic)
    // A custom adapter may have an async `unsubscribe`, although the type returns void. Handle its rejection, because
    // an unhandled rejection would end the process.
    const left = this.#call('unsubscribe', topic)
    if (isPromise(left)) adopt(left).catch((cause: unknown) => this.#failed('unsubscribe', cause))
    if (this.#settingsOf(topic) !== null) this.#store?.unsubscribe(topic)
  }

  /** History of a topic; null if the topic has no history. */
  historyOf(topic: string): TopicHistory | null {
    const settings = this.#settingsOf(topic)
    if (settings === null || this.#store === null) return null
    return new TopicHistory(topic, settings, this.#store, this.#replays)
  }

  /**
   * Send to all subscribers on all nodes. May return a promise. If the topic's history must keep the broadcast, the
   * promise resolves with true when the broadcast is kept. In all other cases, the promise resolves with true when the
   * other nodes are reached.
   * @throws ProtocolError when the history must keep the broadcast, but the payload is not JSON or too large
   * (RECOVERY-16).
   */
  broadcast(broadcast: Broadcast, options: KeepOptions = NO_OPTIONS): Promise<boolean> | undefined {
    const settings = this.#settingsOf(broadcast.topic)
    if (settings === null) return this.#publish(broadcast)
    const outcome = this.#keep(broadcast, settings, options)
    if (isPromise(outcome)) return adopt(outcome).then(isKept)
    return outcome === undefined || isKept(outcome) ? undefined : Promise.resolve(false)
  }

  /**
   * Send like the method `broadcast`, but always return a promise. Rejects with a KeyReusedError when the key was used
   * for another broadcast. @throws ProtocolError like the method `broadcast`.
   */
  publish(broadcast: Broadcast, options: KeepOptions = NO_OPTIONS): Promise<boolean> {
    const settings = this.#settingsOf(broadcast.topic)
    const outcome = settings === null ? this.#publish(broadcast) : this.#keep(broadcast, settings, options)
    return confirm(broadcast.topic, outcome)
  }

  #publish(broadcast: Broadcast): Promise<boolean> | undefined {
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

  #keep(
    broadcast: Broadcast,
    settings: HistorySettings,
    options: KeepOptions,
  ): Appended | Promise<Appended | boolean> | undefined {
    return this.#store === null ? undefined : keep(this.#store, broadcast, settings, options)
  }

  /** Deliver synchronously to the subscribers on this node only. */
  localBroadcast(broadcast: Broadcast): void {
    const subscribers = this.#topics.get(broadcast.topic)
    if (subscribers !== undefined) this.#dispatch(subscribers, broadcast)
  }

  /** Local subscribers of a topic. */
  subscribers(topic: string): ReadonlySet<Subscriber> {
    return this.#topics.get(topic) ?? NOBODY
  }

  /** Topics that begin with `prefix` and have local subscribers, unsorted. */
  *topics(prefix: string): Generator<string> {
    for (const topic of this.#topics.keys()) if (topic.startsWith(prefix)) yield topic
  }

  /**
   * Deliver a broadcast of another node. Reports an error instead of throwing it, so that later broadcasts are not
   * lost.
   */
  #deliver(broadcast: Broadcast): void {
    try {
      this.localBroadcast(broadcast)
    } catch (cause) {
      this.#failed('deliver', cause)
    }
  }

  #settingsOf(topic: string): HistorySettings | null {
    return this.#histories === null ? null : this.#histories.of(topic)
  }

  #hostOf({ maxBytes, handOver = null, broken, note }: PubSubHistory): Parameters<OpenHistory>[0] {
    return {
      maxBytes,
      handOver: handOver && { ...handOver, settingsOf: (topic) => this.#settingsOf(topic) },
      deliver: (broadcast) => this.#deliver(broadcast),
      broken,
      note,
      failed: this.#failed,
    }
  }

  #begin(topic: string): void | Promise<void> {
    const standing = this.#call('subscribe', topic)
    const settings = this.#settingsOf(topic)
    if (settings === null) return standing
    const followed = this.#store?.subscribe(topic, settings)
    if (standing === undefined || followed === undefined) return standing ?? followed
    return Promise.all([standing, followed]).then(ignore)
  }

  /**
   * Call the adapter, which may be user code. Reports an error instead of throwing it, because a thrown error would end
   * a channel.
   */
  #call(name: 'subscribe' | 'unsubscribe', topic: string): void | Promise<void> {
    try {
      return this.#adapter[name](topic)
    } catch (cause) {
      this.#failed(name, cause)
    }
  }

  /** Remember the promise of a pending subscription. Further subscribers to the topic wait for the same promise. */
  #shared(topic: string, standing: Promise<void>): Promise<void> {
    const settled = adopt(standing).finally(() => {
      if (this.#pending.get(topic) === settled) this.#pending.delete(topic)
    })
    this.#pending.set(topic, settled)
    return settled
  }
}

const NO_OPTIONS: KeepOptions = Object.freeze({})

const NOBODY: ReadonlySet<Subscriber> = new Set()
