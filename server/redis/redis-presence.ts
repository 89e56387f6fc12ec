import type { EngineLogger, EngineNode } from '../engine/engine.ts'
import { EngineError } from '../errors.ts'
import type { OpenStore } from '../presence/store.ts'
import type { RedisConnection } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { Membership, type MembershipListener } from './membership.ts'
import type { PresenceTopic } from './presence-topic.ts'
import type { TopicFollower } from './redis-adapter.ts'
import { RedisStore, type RedisStoreHost } from './redis-store.ts'

/** How long things may take, in ms. */
export type PresenceTimes = { readonly lease: number; readonly subscribeTimeout: number }

/** Redis keeps a topic that no node looks at for so many leases. */
const LIFETIME_LEASES = 10
/** All topics are checked once a lease, in so many parts, one after the other. */
const PARTS = 30

/** Who is present on the topics of this node, kept in Redis together with the other nodes. */
export class RedisPresence implements TopicFollower, MembershipListener {
  readonly #connection: RedisConnection
  readonly #membership: Membership
  readonly #times: PresenceTimes
  readonly #host: RedisStoreHost
  readonly #stores: RedisStore[]
  /** The topics on which this node has channels. */
  readonly #entered: Set<string>
  readonly #topics: Map<string, PresenceTopic>
  readonly #waiting: Deadlines<() => void>
  #logger: EngineLogger | null
  #checks: NodeJS.Timeout | null
  #part: number
  /** Those that are to be checked yet in this round. */
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
    this.#waiting = new Deadlines(times.subscribeTimeout, callIt)
    this.#logger = null
    this.#checks = null
    this.#part = 0
    this.#unchecked = this.#topics.values()
    this.#hasReported = false
    connection.subscriptions.onGap((channels) => this.#missed(channels))
  }

  readonly open: OpenStore = (scope, changed) => {
    const store = new RedisStore(scope, changed, this.#host)
    this.#stores.push(store)
    for (const topic of this.#entered) if (store.fits(topic)) void store.enter(topic)
    return store
  }

  /** Begin to live among the nodes, before the connection is started. */
  start({ nodeId, logger }: EngineNode): void {
    this.#logger = logger
    this.#membership.start(nodeId)
    this.#checks = setInterval(() => this.#checkSome(), this.#times.lease / PARTS)
    this.#checks.unref()
  }

  /** The presences of this node leave, and it with them, before the connection is stopped. */
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

  died(incarnation: string): void {
    for (const topic of this.#topics.values()) topic.bury(incarnation)
  }

  doubted(): void {
    for (const topic of this.#topics.values()) topic.doubt()
  }

  believed(): void {
    for (const topic of this.#topics.values()) topic.believe()
  }

  /** After so long a join is answered from what is known here. */
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

  /** At most once a round. When Redis is away, the connection writes of it. */
  #report(error: unknown): void {
    if (error instanceof EngineError || this.#hasReported) return
    this.#hasReported = true
    this.#logger?.warn({ err: error }, 'Redis does not keep presences as it should; it is tried again')
  }
}

function callIt(answer: () => void): void {
  answer()
}
