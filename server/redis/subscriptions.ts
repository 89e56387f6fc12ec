import { ErrorReply } from 'redis'
import type { EngineLogger } from '../engine/engine.ts'
import { type ChannelListener, ChannelSubscription } from './channel-subscription.ts'
import { Deadlines } from './deadlines.ts'
import type { WrongServerError } from './probe.ts'
import { type ServerListener, ServerSubscriptions } from './server-subscriptions.ts'
import type { Topology } from './topology.ts'

/** Milliseconds to wait for a subscription (`subscribeTimeout`) and to keep a channel without a listener (`linger`). */
export type SubscriptionTimes = { readonly subscribeTimeout: number; readonly linger: number }

/** Called after a resubscription, with the channels whose messages may have been missed. */
export type GapListener = (channels: readonly string[]) => void

const PAUSE_MS = 100
/** Pause in milliseconds before the next attempt to subscribe to channels that Redis has refused. */
const REFUSED_MS = 1_000

/**
 * All Redis channels of this node. A channel is idle, subscribing, live or unsubscribing. A live channel whose listener
 * is removed stays live for a while (`linger`). All changes of one event-loop turn are sent together. After a
 * reconnect, all wanted channels are subscribed to again, and channels whose messages may have been missed are reported
 * as gaps. In a cluster, each channel is assigned to the server of its slot, and reassigned when the slot moves.
 */
export class Subscriptions {
  readonly #topology: Topology
  readonly #subscriptions: Map<string, ChannelSubscription>
  readonly #servers: Map<string, ServerSubscriptions>
  readonly #changed: Set<ChannelSubscription>
  readonly #waiting: Deadlines<ChannelSubscription>
  readonly #lingering: Deadlines<ChannelSubscription>
  readonly #gapListeners: GapListener[]
  readonly #owner: ServerListener
  #stateChanged: (error: Error | null) => void
  #logger: EngineLogger | null
  #flushing: NodeJS.Immediate | null
  #reassigning: NodeJS.Timeout | null
  #retrying: NodeJS.Timeout | null
  #isAway: boolean
  #isStopped: boolean

  constructor(topology: Topology, times: SubscriptionTimes) {
    this.#topology = topology
    this.#subscriptions = new Map()
    this.#servers = new Map()
    this.#changed = new Set()
    this.#waiting = new Deadlines(times.subscribeTimeout, resolveOnTimeout)
    this.#lingering = new Deadlines(times.linger, (subscription) => this.#plan(subscription))
    this.#gapListeners = []
    this.#owner = {
      received: (message, channel) => this.#received(message, channel),
      connected: (server) => void this.#connected(server),
      lost: (server, error) => this.#lost(server, error),
      subscribed: (server, group) => this.#subscribed(server, group),
      unsubscribed: (server, group) => this.#unsubscribed(server, group),
      refused: (server, group, error) => this.#refused(server, group, error),
      moved: (server, channel) => this.#moved(server, channel),
    }
    this.#stateChanged = () => {}
    this.#logger = null
    this.#flushing = null
    this.#reassigning = null
    this.#retrying = null
    this.#isAway = false
    this.#isStopped = false
  }

  /**
   * Start to connect. `changed(null)` is called when this node has subscribed to its channels on a server.
   * `changed(error)` is called when a connection is lost, an attempt to connect fails, or Redis refuses a channel.
   */
  start(logger: EngineLogger, changed: (error: Error | null) => void): void {
    this.#logger = logger
    this.#stateChanged = changed
    // In a cluster, `commandsChanged` adds the servers later.
    if (!this.#topology.isSharded) this.#serverNamed(this.#topology.serverOf(''))
    for (const subscription of this.#subscriptions.values()) this.#plan(subscription)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#waiting.clear()
    this.#lingering.clear()
    if (this.#flushing !== null) clearImmediate(this.#flushing)
    if (this.#reassigning !== null) clearTimeout(this.#reassigning)
    if (this.#retrying !== null) clearTimeout(this.#retrying)
    for (const subscription of this.#subscriptions.values()) subscription.settle()
    this.#subscriptions.clear()
    await Promise.all(Array.from(this.#servers.values(), (server) => server.connection.close()))
  }

  /** True if every server has confirmed all subscriptions that were sent right after connecting. */
  get isSubscribed(): boolean {
    for (const server of this.#servers.values()) if (!server.isSubscribed) return false
    return true
  }

  /**
   * Subscribe to a channel. Replaces an earlier listener of the channel. Returns undefined if the channel is live
   * already, if Redis is unavailable, or after `stop`. In all other cases, returns a promise that resolves after
   * success, failure or a timeout (`subscribeTimeout`). The promise never rejects.
   */
  subscribe(channel: string, listener: ChannelListener): void | Promise<void> {
    if (this.#isStopped) return
    const subscription = this.#subscriptions.get(channel) ?? this.#add(channel)
    subscription.listener = listener
    this.#lingering.delete(subscription)
    if (subscription.state === 'live') return
    this.#plan(subscription)
    if (!this.#canConnect(subscription)) {
      subscription.hasGap = true
      return
    }
    if (!subscription.isAwaited) this.#waiting.add(subscription)
    return subscription.subscribed()
  }

  /** Returns true if Redis has confirmed the subscription to a channel. */
  isLive(channel: string): boolean {
    return this.#subscriptions.get(channel)?.state === 'live'
  }

  /** Return the pending promise that `subscribe` returned for a channel; undefined if there is none. */
  subscribed(channel: string): Promise<void> | undefined {
    const subscription = this.#subscriptions.get(channel)
    return subscription?.isAwaited ? subscription.subscribed() : undefined
  }

  /**
   * Remove the listener of a channel. After `linger` milliseconds, unsubscribe from the channel, unless it has a new
   * listener.
   */
  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel)
    if (subscription === undefined || !subscription.isWanted) return
    subscription.listener = null
    subscription.hasGap = false
    this.#answer(subscription)
    if (subscription.state === 'live') this.#lingering.add(subscription)
    else if (subscription.state === 'idle') this.#remove(subscription)
  }

  /**
   * Drop the connection to an unusable Redis server. The connection is opened again after a pause. Not called for a
   * Redis Cluster, so `#servers` has at most one server.
   */
  leave(error: WrongServerError): void {
    for (const { connection } of this.#servers.values()) if (connection.client !== null) connection.cut(error)
  }

  onGap(listener: GapListener): void {
    this.#gapListeners.push(listener)
  }

  /**
   * Handle a change of the connection for commands. `error` is null if the connection is up. In a cluster, the slot map
   * has then been read, so each channel can be assigned to its server.
   */
  commandsChanged(error: Error | null): void {
    this.#isAway = error !== null
    if (error !== null || !this.#topology.isSharded) return
    this.#reassignAll()
  }

  #add(channel: string): ChannelSubscription {
    const subscription = new ChannelSubscription(channel)
    this.#subscriptions.set(channel, subscription)
    return subscription
  }

  #remove(subscription: ChannelSubscription): void {
    this.#subscriptions.delete(subscription.channel)
    subscription.server?.subscriptions.delete(subscription)
    this.#changed.delete(subscription)
  }

  #canConnect({ server }: ChannelSubscription): boolean {
    return server === null ? !this.#isAway : server.connection.canConnect && !server.isSilent
  }

  #answer(subscription: ChannelSubscription): void {
    this.#waiting.delete(subscription)
    subscription.settle()
  }

  /** Schedule the change of a subscription for the next flush, at the end of the event-loop turn. */
  #plan(subscription: ChannelSubscription): void {
    if (subscription.server === null) this.#assignServer(subscription)
    this.#changed.add(subscription)
    this.#flushing ??= setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = null
    const servers = new Set(Array.from(this.#changed, ({ server }) => server))
    for (const server of servers) if (server !== null) void this.#flushServer(server, this.#changed)
    this.#changed.clear()
  }

  #flushServer(server: ServerSubscriptions, changed: Iterable<ChannelSubscription>): Promise<void> {
    const subscribe: ChannelSubscription[] = []
    const unsubscribe: ChannelSubscription[] = []
    for (const subscription of changed) {
      if (subscription.server !== server) continue
      const { state, isWanted } = subscription
      if (state === 'idle' && isWanted) subscribe.push(subscription)
      else if (state === 'live' && !isWanted) unsubscribe.push(subscription)
    }
    return server.change(subscribe, unsubscribe)
  }

  async #connected(server: ServerSubscriptions): Promise<void> {
    const { client } = server.connection
    if (client === null) return
    server.isRefused = false
    await this.#flushServer(server, server.subscriptions)
    if (server.connection.client !== client || server.isRefused) return
    server.isSubscribed = true
    this.#stateChanged(null)
  }

  #lost(server: ServerSubscriptions, error: Error): void {
    server.isSubscribed = false
    for (const subscription of server.subscriptions) this.#loseOne(subscription)
    this.#stateChanged(error)
    if (this.#topology.isSharded) this.#reassignSoon()
  }

  #loseOne(subscription: ChannelSubscription): void {
    this.#lingering.delete(subscription)
    subscription.state = 'idle'
    if (!subscription.isWanted) return this.#remove(subscription)
    subscription.hasGap = true
    this.#answer(subscription)
  }

  #subscribed(server: ServerSubscriptions, group: readonly ChannelSubscription[]): void {
    const missed: string[] = []
    for (const subscription of group) {
      // Skip a subscription that has changed since the command was sent, for example because the slot moved.
      if (subscription.server !== server || subscription.state !== 'subscribing') continue
      subscription.state = 'live'
      if (subscription.hasGap) missed.push(subscription.channel)
      subscription.hasGap = false
      this.#answer(subscription)
      if (!subscription.isWanted) this.#lingering.add(subscription)
    }
    if (missed.length > 0) for (const listener of this.#gapListeners) listener(missed)
  }

  #unsubscribed(server: ServerSubscriptions, group: readonly ChannelSubscription[]): void {
    for (const subscription of group) {
      if (subscription.server !== server || subscription.state !== 'unsubscribing') continue
      subscription.state = 'idle'
      if (subscription.isWanted) this.#plan(subscription)
      else this.#remove(subscription)
    }
  }

  #refused(server: ServerSubscriptions, group: readonly ChannelSubscription[], error: Error): void {
    if (!(error instanceof ErrorReply)) return server.connection.cut(error)
    for (const subscription of group) if (subscription.server === server) this.#loseOne(subscription)
    if (this.#topology.isSharded && error.message.startsWith('MOVED')) return this.#reassignSoon()
    // Redis refuses the channels because of missing permissions or an incomplete cluster. The connection works, but the
    // engine must not count as up.
    server.isRefused = true
    server.isSubscribed = false
    this.#stateChanged(error)
    this.#retrying ??= setTimeout(() => this.#retry(), REFUSED_MS)
  }

  #retry(): void {
    this.#retrying = null
    for (const server of this.#servers.values()) if (server.isRefused) void this.#connected(server)
  }

  #moved(server: ServerSubscriptions, channel: string): void {
    const subscription = this.#subscriptions.get(channel)
    if (subscription === undefined || subscription.server !== server) return
    this.#loseOne(subscription)
    this.#reassignSoon()
  }

  /** Read the slot map and reassign the channels, after `PAUSE_MS`. Does nothing if a read is scheduled already. */
  #reassignSoon(): void {
    this.#reassigning ??= setTimeout(() => void this.#reassign(), PAUSE_MS)
  }

  async #reassign(): Promise<void> {
    await this.#topology.refresh()
    this.#reassigning = null
    if (!this.#isStopped) this.#reassignAll()
  }

  #reassignAll(): void {
    for (const subscription of this.#subscriptions.values()) {
      const name = this.#topology.serverOf(subscription.channel)
      if (name === null || name === subscription.server?.name) {
        if (subscription.state === 'idle') this.#plan(subscription)
        continue
      }
      if (subscription.state !== 'idle') this.#loseOne(subscription)
      subscription.server?.subscriptions.delete(subscription)
      subscription.server = null
      if (subscription.isWanted) this.#plan(subscription)
    }
    for (const server of this.#servers.values()) if (server.subscriptions.size === 0) this.#close(server)
  }

  #close(server: ServerSubscriptions): void {
    this.#servers.delete(server.name)
    void server.connection.close()
    this.#stateChanged(null)
  }

  #assignServer(subscription: ChannelSubscription): void {
    const server = this.#serverNamed(this.#topology.serverOf(subscription.channel))
    subscription.server = server
    server?.subscriptions.add(subscription)
  }

  #serverNamed(name: string | null): ServerSubscriptions | null {
    if (name === null) return null
    let server = this.#servers.get(name)
    if (server === undefined) {
      server = new ServerSubscriptions(name, this.#topology, this.#owner)
      this.#servers.set(name, server)
    }
    return server
  }

  #received(message: Buffer, channel: Buffer): void {
    const listener = this.#subscriptions.get(channel.toString())?.listener
    if (!listener) return
    try {
      listener(message)
    } catch (error) {
      // Log the error instead of throwing it: after an exception, the Redis client would close the connection.
      this.#logger?.warn(
        { err: error, channel: channel.toString() },
        'failed to handle a message of another node',
      )
    }
  }
}

/** Stop waiting for a subscription that timed out, and record that messages of its channel may have been missed. */
function resolveOnTimeout(subscription: ChannelSubscription): void {
  subscription.hasGap = true
  // While `isSilent` is true, `subscribe` returns at once: joins must not wait for a server that does not reply. The
  // next reply of the server sets `isSilent` to false.
  if (subscription.server !== null) subscription.server.isSilent = true
  subscription.settle()
}
