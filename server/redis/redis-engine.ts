import type { Claim, Engine, EngineNode, EngineState } from '../engine/engine.ts'
import { LocalEngine } from '../engine/local-engine.ts'
import type { Nodes } from '../engine/nodes.ts'
import type { OpenStore } from '../presence/store.ts'
import { claim } from './claim.ts'
import { topologyOf } from './connect.ts'
import { RedisConnection } from './connection.ts'
import { type RedisEngineOptions, resolveOptions } from './options.ts'
import { RedisAdapter, type TopicFollower } from './redis-adapter.ts'

/** Where nodes meet: a Redis server, one behind Sentinel, or a Redis Cluster; version 7, or Valkey. */
export class RedisEngine implements Engine {
  readonly adapter: RedisAdapter
  readonly openPresence: OpenStore
  readonly nodes: Nodes
  readonly #connection: RedisConnection

  /** @throws UsageError when an option is not legal. */
  constructor(options: RedisEngineOptions = {}) {
    const resolved = resolveOptions(options)
    this.#connection = new RedisConnection(topologyOf(options), resolved)
    // STUB: presence and questions of this node alone, until redis-presence.ts and redis-nodes.ts are here.
    const local = new LocalEngine()
    this.openPresence = local.openPresence
    this.nodes = local.nodes
    this.adapter = new RedisAdapter(this.#connection, NOBODY_FOLLOWS, resolved.maxUnsentBytes)
  }

  get state(): EngineState {
    return this.#connection.state
  }

  get lag(): number | null {
    return this.#connection.lag
  }

  start(node: EngineNode): void {
    this.#connection.onChange(() => node.stateChanged?.(this.state))
    this.adapter.nodeId = node.nodeId
    this.#connection.start(node)
  }

  async stop(): Promise<void> {
    await this.#connection.stop()
  }

  claim(name: string, periodMs: number): Promise<Claim> {
    return claim(this.#connection, name, periodMs)
  }
}

const NOBODY_FOLLOWS: TopicFollower = { entered() {}, left() {} }
