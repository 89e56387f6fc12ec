import type { OpenStore } from '../presence/store.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import type { OpenHistory } from '../pubsub/history.ts'
import type { Nodes } from './nodes.ts'

/** Whether the nodes can meet: `connecting` is before the first time, `down` after it was lost. */
export type EngineState = 'connecting' | 'up' | 'down'

/** What an engine learns of the node that it serves. */
export type EngineNode = {
  /** Unique in the cluster, new with every start. */
  readonly nodeId: string
  readonly logger: EngineLogger
  /** To be called at every change of the engine's state. */
  readonly stateChanged?: (state: EngineState) => void
}

/** Where an engine says that it lost the others, and that it is back. */
export type EngineLogger = {
  warn(details: object, message: string): void
  info(details: object, message: string): void
}

/** Whom this node may act for in the present period, and when the next one begins. */
export type Claim = {
  /**
   * `cluster`: everybody; no other node does. `node`: its own clients; the engine is away, and so does
   * every node. `nobody`: another node has this period.
   */
  readonly scope: 'cluster' | 'node' | 'nobody'
  /** Milliseconds, at least 1. A node that asks again then misses no period, however its clock runs. */
  readonly nextInMs: number
}

/** Where the nodes of a cluster meet. A node without one has a `LocalEngine`: there is nobody to meet. */
export interface Engine {
  /** Carries broadcasts. */
  readonly adapter: PubSubAdapter
  /** Keeps who is present, everywhere. */
  readonly openPresence: OpenStore
  /** Keeps the broadcasts of topics with a history; absent in an engine that cannot. */
  readonly openHistory?: OpenHistory
  readonly nodes: Nodes
  readonly state: EngineState
  /** Milliseconds that the latest command took; null before the first, absent where there are none. */
  readonly lag?: number | null
  /**
   * The word with which the server refuses something that the engine needs, such as NOPERM; null, or absent,
   * while it refuses nothing.
   */
  readonly fault?: string | null
  /** Begin to connect, before the adapter is started. It does not wait for a server that is away. */
  start(node: EngineNode): void | Promise<void>
  /** Disconnect; the other nodes hear at once that this one has gone. */
  stop(): void | Promise<void>
  /**
   * Ask to do what `name` stands for: one node of the cluster may in each period of `periodMs`
   * milliseconds, the first that asks in it. Never rejects.
   */
  claim(name: string, periodMs: number): Promise<Claim>
}
