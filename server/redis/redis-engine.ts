import type { Claim, Engine, EngineNode, EngineState } from '../engine/engine.ts'
import type { OpenStore } from '../presence/store.ts'
import { claim } from './claim.ts'
import { topologyOf } from './connect.ts'
import { RedisConnection } from './connection.ts'
import { type RedisEngineOptions, resolveOptions } from './options.ts'
import { RedisAdapter } from './redis-adapter.ts'
import { RedisNodes } from './redis-nodes.ts'
import { RedisPresence } from './redis-presence.ts'

/** Where nodes meet: a Redis server, one behind Sentinel, or a Redis Cluster; version 7, or Valkey. */
export class RedisEngine implements Engine {
  readonly adapter: RedisAdapter
  readonly openPresence: OpenStore
  readonly nodes: RedisNodes
  readonly #connection: RedisConnection
  readonly #presence: RedisPresence

  /** @throws UsageError when an option is not legal. */
  constructor(options: RedisEngineOptions = {}) {
    const resolved = resolveOptions(options)
    this.#connection = new RedisConnection(topologyOf(options), resolved)
    this.#presence = new RedisPresence(this.#connection, resolved)
    this.openPresence = this.#presence.open
    this.nodes = new RedisNodes(this.#connection, resolved)
    this.adapter = new RedisAdapter(this.#connection, this.#presence, resolved.maxUnsentBytes)
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
    this.adapter.node = node
    this.#presence.start(node)
    this.nodes.start(node)
    this.#connection.start(node)
  }

  async stop(): Promise<void> {
    await this.#presence.stop()
    this.nodes.stop()
    await this.#connection.stop()
  }

  claim(name: string, periodMs: number): Promise<Claim> {
    return claim(this.#connection, name, periodMs)
  }
}
