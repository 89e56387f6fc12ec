import type { EngineLogger, EngineNode } from '../engine/engine.ts'
import { EngineError } from '../errors.ts'
import type { OpenStore } from '../presence/store.ts'
import type { RedisConnection } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { Membership, type MembershipListener } from './membership.ts'
import type { PresenceTopic } from './presence-topic.ts'
import type { TopicFollower } from './redis-adapter.ts'
import { RedisStore, type RedisStoreHost } from './redis-store.ts'

// Presence in a cluster. In Redis, each topic of a presence definition has one hash. The hash has one field for each
// presence. One more field is the version number of the hash. A node writes only its own presences (`OwnPresences`), in
// the background. Each write is one script that changes the hash, raises the version and publishes the difference. A
// node with channels on the topic keeps a mirror of the hash (`PresenceMirror`). The node applies differences while
// their versions are consecutive, and reads the whole hash when a difference is missing (`PresenceTopic`). So a lost
// message costs one read.
//
// A node may die without notice. So each node renews a lease in Redis (`Membership`). A node writes its presences under
// an id, the incarnation, which is valid while the lease lasts. Every node detects an expired lease itself and removes
// the presences of that incarnation. A node that lost its lease writes its own presences again under a new incarnation.
//
// Redis may lose its data. To detect this, the nodes keep a key with a random id (the epoch). If the key is lost, a
// node creates the key again with another id. After such a loss, each node writes its presences again within one lease.
// During this time, the mirror keeps presences that are missing in Redis.
//
// Invariant: an expired incarnation is never used again, and a presence that has left never returns, because every join
// gets a new `phx_ref`. So it is harmless to remove a presence late, or twice.

/** Times in milliseconds; see `RedisEngineOptions`. */
export type PresenceTimes = { readonly lease: number; readonly subscribeTimeout: number }

/** Time for which Redis keeps the hash of a topic that no node uses, as a multiple of the lease. */
const LIFETIME_LEASES = 10
/** Number of steps into which the check of all topics is divided. A step starts every `lease / PARTS` ms. */
const PARTS = 30

/** Presences of all topics of this node, shared with the other nodes through Redis. */
export class RedisPresence implements TopicFollower, MembershipListener {
  readonly #connection: RedisConnection
  readonly #membership: Membership
  readonly #times: PresenceTimes
  readonly #host: RedisStoreHost
  readonly #stores: RedisStore[]
  /** Topics on which this node has channels. */
  readonly #entered: Set<string>
  readonly #topics: Map<string, PresenceTopic>
  readonly #waiting: Deadlines<() => void>
  #logger: EngineLogger | null
  #checks: NodeJS.Timeout | null
  #part: number
  /** Topics that are still to be checked in this round. */
  #unchecked: Iterator<PresenceTopic>
  #hasReported: boolean

  constructor(connection: RedisConnection, times: PresenceTimes) {
    this.#connection = connection
    this.#membership = new Membership(connection, times.lease, this)
    this.#times = times
    this.#topics = new Map()
    this.#host = {
      connection,
      membership: this.#membership,
      topics: this.#topics,
      lifetime: LIFETIME_LEASES * times.lease,
      report: (error) => this.#report(error),
    }
    this.#stores = []
    this.#entered = new Set()
    this.#waiting = new Deadlines(times.subscribeTimeout, call)
    this.#logger = null
    this.#checks = null
    this.#part = 0
    this.#unchecked = this.#topics.values()
    this.#hasReported = false
    connection.subscriptions.onGap((channels) => this.#missed(channels))
  }

  readonly open: OpenStore = (scope, changed, dropped) => {
    const store = new RedisStore(scope, { changed, dropped }, this.#host)
    this.#stores.push(store)
    for (const topic of this.#entered) if (store.fits(topic)) void store.enter(topic)
    return store
  }

  /** Start to renew the lease. Must be called before the connection is started. */
  start({ nodeId, logger }: EngineNode): void {
    this.#logger = logger
    this.#membership.start(nodeId)
    this.#connection.onChange((isUp) => {
      if (isUp) for (const topic of this.#topics.values()) void topic.check()
    })
    this.#checks = setInterval(() => this.#checkSome(), this.#times.lease / PARTS)
    this.#checks.unref()
  }

  /** Remove the presences and the lease of this node. Must be called before the connection is stopped. */
  async stop(): Promise<void> {
    if (this.#checks !== null) clearInterval(this.#checks)
    this.#waiting.clear()
    await Promise.all(Array.from(this.#topics.values(), (topic) => topic.close()))
    await this.#membership.stop()
  }

  entered(topic: string): void | Promise<void> {
    this.#entered.add(topic)
    const stores = this.#stores.filter((store) => store.fits(topic))
    if (stores.length === 0) return
    return this.#atMost(Promise.all(stores.map((store) => store.enter(topic))))
  }

  left(topic: string): void {
    this.#entered.delete(topic)
    for (const store of this.#stores) if (store.fits(topic)) store.leave(topic)
  }

  renewed(): void {
    for (const topic of this.#topics.values()) topic.renew()
  }

  expired(incarnation: string): void {
    for (const topic of this.#topics.values()) topic.removeIncarnation(incarnation)
  }

  dataLossSuspected(): void {
    for (const topic of this.#topics.values()) topic.suspectDataLoss()
  }

  dataLossCleared(): void {
    for (const topic of this.#topics.values()) topic.clearDataLoss()
  }

  /**
   * Wait for a promise, but at most `subscribeTimeout` milliseconds. After this time, a join is answered from the local
   * state.
   */
  #atMost(entering: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve)
      void entering.then(() => {
        this.#waiting.delete(resolve)
        resolve()
      })
    })
  }

  #missed(channels: readonly string[]): void {
    for (const channel of channels) void this.#topics.get(channel)?.check()
  }

  #checkSome(): void {
    this.#part = (this.#part + 1) % PARTS
    if (this.#part === 0) {
      this.#unchecked = this.#topics.values()
      this.#hasReported = false
    }
    if (this.#connection.state !== 'up') return
    for (let count = Math.ceil(this.#topics.size / PARTS); count > 0; count--) {
      const next = this.#unchecked.next()
      if (next.done) return
      void next.value.check()
    }
  }

  /**
   * Log an error, at most once per round of checks. Skip an EngineError: it means an outage, which the connection logs.
   */
  #report(error: unknown): void {
    if (error instanceof EngineError || this.#hasReported) return
    this.#hasReported = true
    this.#logger?.warn({ err: error }, 'failed to read or write presence data in Redis; retrying')
  }
}

function call(resolve: () => void): void {
  resolve()
}
