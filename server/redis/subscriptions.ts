import { ErrorReply } from 'redis'
import type { EngineLogger } from '../engine/engine.ts'
import { Deadlines } from './deadlines.ts'
import { Home, type HomeOwner } from './home.ts'
import type { WrongServerError } from './probe.ts'
import { type Listener, Subscription } from './subscription.ts'
import type { Topology } from './topology.ts'

/** How long things may take, in ms. */
export type SubscriptionTimes = { readonly subscribeTimeout: number; readonly linger: number }

/** Hears which channels may have missed messages, once they are subscribed to again. */
export type GapListener = (channels: readonly string[]) => void

const PAUSE_MS = 100
/** Milliseconds until channels that Redis refused are subscribed to again. */
const REFUSED_MS = 1_000

/**
 * The channels that this node listens to. Each is subscribing, live, or lingers for a while after nobody
 * wants it any more; all changes of one turn go out in one command. After a reconnect all are subscribed
 * to again.
 */
export class Subscriptions {
  readonly #topology: Topology
  readonly #subscriptions: Map<string, Subscription>
  readonly #homes: Map<string, Home>
  readonly #changed: Set<Subscription>
  readonly #waiting: Deadlines<Subscription>
  readonly #lingering: Deadlines<Subscription>
  readonly #gapListeners: GapListener[]
  readonly #owner: HomeOwner
  #stateChanged: (error: Error | null) => void
  #logger: EngineLogger | null
  #flushing: NodeJS.Immediate | null
  #rehoming: NodeJS.Timeout | null
  #retrying: NodeJS.Timeout | null
  #isAway: boolean
  #isStopped: boolean

  constructor(topology: Topology, times: SubscriptionTimes) {
    this.#topology = topology
    this.#subscriptions = new Map()
    this.#homes = new Map()
    this.#changed = new Set()
    this.#waiting = new Deadlines(times.subscribeTimeout, answerAnyway)
    this.#lingering = new Deadlines(times.linger, (subscription) => this.#plan(subscription))
    this.#gapListeners = []
    this.#owner = {
      received: (message, channel) => this.#received(message, channel),
      connected: (home) => void this.#connected(home),
      lost: (home, error) => this.#lost(home, error),
      stood: (group) => this.#stood(group),
      ended: (group) => this.#ended(group),
      refused: (home, group, error) => this.#refused(home, group, error),
      moved: (channel) => this.#moved(channel),
    }
    this.#stateChanged = () => {}
    this.#logger = null
    this.#flushing = null
    this.#rehoming = null
    this.#retrying = null
    this.#isAway = false
    this.#isStopped = false
  }

  /** Begin to connect; `changed` hears of each connection, its loss, and each failed attempt. */
  start(logger: EngineLogger, changed: (error: Error | null) => void): void {
    this.#logger = logger
    this.#stateChanged = changed
    // A cluster's servers are known only when its commands have a connection.
    if (!this.#topology.isSharded) this.#home(this.#topology.homeOf(''))
    for (const subscription of this.#subscriptions.values()) this.#plan(subscription)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#waiting.clear()
    this.#lingering.clear()
    if (this.#flushing !== null) clearImmediate(this.#flushing)
    if (this.#rehoming !== null) clearTimeout(this.#rehoming)
    if (this.#retrying !== null) clearTimeout(this.#retrying)
    for (const subscription of this.#subscriptions.values()) subscription.settle()
    this.#subscriptions.clear()
    await Promise.all(Array.from(this.#homes.values(), (home) => home.line.close()))
  }

  /** Everything that was wanted when the connections came up is subscribed to. */
  get isStanding(): boolean {
    for (const home of this.#homes.values()) if (!home.isStanding) return false
    return true
  }

  /**
   * Listen to a channel; a later listener takes the place of the first. A promise settles, and never
   * rejects, when the subscription stands, or after `subscribeTimeout`, or once Redis is known to be away;
   * none comes back if it stands or cannot.
   */
  subscribe(channel: string, listener: Listener): void | Promise<void> {
    if (this.#isStopped) return
    const subscription = this.#subscriptions.get(channel) ?? this.#add(channel)
    subscription.listener = listener
    this.#lingering.delete(subscription)
    if (subscription.state === 'live') return
    this.#plan(subscription)
    if (!this.#canHope(subscription)) {
      subscription.hasGap = true
      return
    }
    if (!subscription.isAwaited) this.#waiting.add(subscription)
    return subscription.standing()
  }

  /** Listen to it no more. Redis hears of that only when nobody has wanted it again for a while. */
  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel)
    if (subscription === undefined || !subscription.isWanted) return
    subscription.listener = null
    subscription.hasGap = false
    this.#answer(subscription)
    if (subscription.state === 'live') this.#lingering.add(subscription)
    else if (subscription.state === 'idle') this.#remove(subscription)
  }

  /** Their server cannot serve: open all connections anew. */
  leave(error: WrongServerError): void {
    for (const { line } of this.#homes.values()) if (line.client !== null) line.cut(error)
  }

  onGap(listener: GapListener): void {
    this.#gapListeners.push(listener)
  }

  /** Commands can be sent, so that the servers of a cluster are known; or an error says that they cannot. */
  commandsChanged(error: Error | null): void {
    this.#isAway = error !== null
    if (error !== null || !this.#topology.isSharded) return
    this.#rehomeAll()
  }

  #add(channel: string): Subscription {
    const subscription = new Subscription(channel)
    this.#subscriptions.set(channel, subscription)
    return subscription
  }

  #remove(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.channel)
    subscription.home?.subscriptions.delete(subscription)
    this.#changed.delete(subscription)
  }

  #canHope({ home }: Subscription): boolean {
    return home === null ? !this.#isAway : home.line.isHopeful && !home.isSilent
  }

  #answer(subscription: Subscription): void {
    this.#waiting.delete(subscription)
    subscription.settle()
  }

  /** See at the end of the turn what has to change. */
  #plan(subscription: Subscription): void {
    if (subscription.home === null) this.#settleDown(subscription)
    this.#changed.add(subscription)
    this.#flushing ??= setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#flushing = null
    const homes = new Set(Array.from(this.#changed, ({ home }) => home))
    for (const home of homes) if (home !== null) void this.#flushHome(home, this.#changed)
    this.#changed.clear()
  }

  #flushHome(home: Home, changed: Iterable<Subscription>): Promise<void> {
    const subscribe: Subscription[] = []
    const unsubscribe: Subscription[] = []
    for (const subscription of changed) {
      if (subscription.home !== home) continue
      const { state, isWanted } = subscription
      if (state === 'idle' && isWanted) subscribe.push(subscription)
      else if (state === 'live' && !isWanted) unsubscribe.push(subscription)
    }
    return home.change(subscribe, unsubscribe)
  }

  async #connected(home: Home): Promise<void> {
    const { client } = home.line
    home.isRefused = false
    await this.#flushHome(home, home.subscriptions)
    if (home.line.client !== client || home.isRefused) return
    home.isStanding = true
    this.#stateChanged(null)
  }

  #lost(home: Home, error: Error): void {
    home.isStanding = false
    for (const subscription of home.subscriptions) this.#loseOne(subscription)
    this.#stateChanged(error)
    if (this.#topology.isSharded) this.#rehomeSoon()
  }

  #loseOne(subscription: Subscription): void {
    this.#lingering.delete(subscription)
    subscription.state = 'idle'
    if (!subscription.isWanted) return this.#remove(subscription)
    subscription.hasGap = true
    this.#answer(subscription)
  }

  #stood(group: readonly Subscription[]): void {
    const missed: string[] = []
    for (const subscription of group) {
      subscription.state = 'live'
      if (subscription.hasGap) missed.push(subscription.channel)
      subscription.hasGap = false
      this.#answer(subscription)
      if (!subscription.isWanted) this.#lingering.add(subscription)
    }
    if (missed.length > 0) for (const listener of this.#gapListeners) listener(missed)
  }

  #ended(group: readonly Subscription[]): void {
    for (const subscription of group) {
      subscription.state = 'idle'
      if (subscription.isWanted) this.#plan(subscription)
      else this.#remove(subscription)
    }
  }

  #refused(home: Home, group: readonly Subscription[], error: Error): void {
    if (!(error instanceof ErrorReply)) return home.line.cut(error)
    for (const subscription of group) this.#loseOne(subscription)
    if (this.#topology.isSharded && error.message.startsWith('MOVED')) return this.#rehomeSoon()
    // Without access, or in a cluster that is not complete: the connection is sound, but this is not "up".
    home.isRefused = true
    home.isStanding = false
    this.#stateChanged(error)
    this.#retrying ??= setTimeout(() => this.#retry(), REFUSED_MS)
  }

  #retry(): void {
    this.#retrying = null
    for (const home of this.#homes.values()) if (home.isRefused) void this.#connected(home)
  }

  #moved(channel: string): void {
    const subscription = this.#subscriptions.get(channel)
    if (subscription !== undefined) this.#loseOne(subscription)
    this.#rehomeSoon()
  }

  /** Ask the cluster who has which slots, at most once in a while. */
  #rehomeSoon(): void {
    this.#rehoming ??= setTimeout(() => void this.#rehome(), PAUSE_MS)
  }

  async #rehome(): Promise<void> {
    await this.#topology.refresh()
    this.#rehoming = null
    if (!this.#isStopped) this.#rehomeAll()
  }

  #rehomeAll(): void {
    for (const subscription of this.#subscriptions.values()) {
      const name = this.#topology.homeOf(subscription.channel)
      if (name === null || name === subscription.home?.name) {
        if (subscription.state === 'idle') this.#plan(subscription)
        continue
      }
      if (subscription.state !== 'idle') this.#loseOne(subscription)
      subscription.home?.subscriptions.delete(subscription)
      subscription.home = null
      if (subscription.isWanted) this.#plan(subscription)
    }
    for (const home of this.#homes.values()) if (home.subscriptions.size === 0) this.#close(home)
  }

  #close(home: Home): void {
    this.#homes.delete(home.name)
    void home.line.close()
    this.#stateChanged(null)
  }

  #settleDown(subscription: Subscription): void {
    const home = this.#home(this.#topology.homeOf(subscription.channel))
    subscription.home = home
    home?.subscriptions.add(subscription)
  }

  #home(name: string | null): Home | null {
    if (name === null) return null
    let home = this.#homes.get(name)
    if (home === undefined) {
      home = new Home(name, this.#topology, this.#owner)
      this.#homes.set(name, home)
    }
    return home
  }

  #received(message: Buffer, channel: Buffer): void {
    const listener = this.#subscriptions.get(channel.toString())?.listener
    if (!listener) return
    try {
      listener(message)
    } catch (error) {
      // Thrown further, it would end the connection.
      this.#logger?.warn(
        { err: error, channel: channel.toString() },
        'a message of another node was not understood',
      )
    }
  }
}

/** It has waited long enough: go on with what is here. */
function answerAnyway(subscription: Subscription): void {
  subscription.hasGap = true
  // The next need not wait as long for the same.
  if (subscription.home !== null) subscription.home.isSilent = true
  subscription.settle()
}
