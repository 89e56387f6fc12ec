import { type Claim, checkClaim, type Engine, type EngineNode, type EngineState } from '../engine/engine.ts'
import type { Nodes } from '../engine/nodes.ts'
import type { OpenStore } from '../presence/store.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import type { OpenHistory } from '../pubsub/history.ts'
import { claim } from './claim.ts'
import { topologyOf } from './connect.ts'
import { RedisConnection } from './connection.ts'
import { type ConnectionOptions, type RedisEngineOptions, resolveOptions } from './options.ts'
import { RedisAdapter } from './redis-adapter.ts'
import { RedisHistory } from './redis-history.ts'
import { RedisNodes } from './redis-nodes.ts'
import { RedisPresence } from './redis-presence.ts'
import { SharedHistories } from './shared-histories.ts'

// The Redis engine connects the nodes of a cluster. Its four parts share one `RedisConnection`:
// - `RedisAdapter` publishes broadcasts to one Redis channel per topic, and delivers the broadcasts of other nodes;
// - `RedisNodes` asks other nodes questions and answers their questions, over one Redis channel per node;
// - `RedisPresence` keeps one hash per topic, and mirrors the hash on each node that has clients on the topic;
// - `RedisHistory` keeps one stream per topic with a history, and delivers the topic's broadcasts in the order of the
//   stream. `SharedHistories` stores the settings of all histories in Redis, for processes that only publish.
//
// The connection to Redis may be lost at any time. A new client replaces the lost client (`ReconnectingClient`): no
// command, queue or subscription of the lost client survives. `Subscriptions` subscribes to every Redis channel again,
// and reports a gap for each Redis channel on which messages may have been missed. The engine is `up` only when
// commands can be sent and all wanted Redis channels are subscribed to.
//
// Invariant: while Redis is unavailable, nothing waits for Redis. Commands fail immediately, joins are answered, and
// broadcasts reach local clients (on topics with a history, only if the option `whenAway` is `local`).

/** Connects nodes through a Redis server, a server behind Sentinel, or a Redis Cluster. Needs Redis 7 or Valkey. */
export class RedisEngine implements Engine {
  readonly adapter: PubSubAdapter
  readonly openPresence: OpenStore
  readonly nodes: Nodes
  readonly #options: ConnectionOptions
  readonly #connection: RedisConnection
  readonly #presence: RedisPresence
  readonly #adapter: RedisAdapter
  readonly #nodes: RedisNodes
  readonly #shared: SharedHistories

  /** @throws UsageError when an option is invalid. */
  constructor(options: RedisEngineOptions = {}) {
    const resolved = resolveOptions(options)
    this.#options = resolved
    this.#connection = new RedisConnection(topologyOf(options), resolved)
    this.#presence = new RedisPresence(this.#connection, resolved)
    this.openPresence = this.#presence.open
    this.#nodes = new RedisNodes(this.#connection, resolved)
    this.#adapter = new RedisAdapter(this.#connection, this.#presence, resolved.maxUnsentBytes)
    this.#shared = new SharedHistories(this.#connection, resolved)
    this.nodes = this.#nodes
    this.adapter = this.#adapter
  }

  /** Create the history store. Must be called before `start`. */
  readonly openHistory: OpenHistory = (host) => {
    const history = new RedisHistory(this.#connection, this.#options, host)
    this.#adapter.echoes = history
    return history
  }

  get state(): EngineState {
    return this.#connection.state
  }

  get lag(): number | null {
    return this.#connection.lag
  }

  get fault(): string | null {
    return this.#connection.fault
  }

  start(node: EngineNode): void {
    this.#connection.onChange(() => node.stateChanged?.(this.state))
    this.#adapter.node = node
    this.#presence.start(node)
    this.#nodes.start(node)
    this.#shared.start(node.histories ?? [])
    this.#connection.start(node)
  }

  async stop(): Promise<void> {
    await this.#presence.stop()
    this.#nodes.stop()
    this.#shared.stop()
    await this.#connection.stop()
  }

  async claim(name: string, periodMs: number): Promise<Claim> {
    checkClaim(name, periodMs)
    return claim(this.#connection, name, periodMs)
  }
}
