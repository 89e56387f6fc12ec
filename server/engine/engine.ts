import { checkOption, nonEmptyString } from '../../protocol/check.ts'
import type { OpenStore } from '../presence/store.ts'
import type { PubSubAdapter } from '../pubsub/adapter.ts'
import type { HistorySettings, OpenHistory } from '../pubsub/history.ts'
import { timeLimit } from '../runtime/delay.ts'
import type { Nodes } from './nodes.ts'

/**
 * State of the connection to other nodes: `connecting` until the first connection, `down` while a connection is lost.
 */
export type EngineState = 'connecting' | 'up' | 'down'

/** Description of this node, as passed to `start` of its engine. */
export type EngineNode = {
  /** Id, unique in the cluster and new at every start. */
  readonly nodeId: string
  readonly logger: EngineLogger
  /** Called by the engine at every change of its state. */
  readonly stateChanged?: (state: EngineState) => void
  /** Settings of the node's histories, one element per topic pattern. Default: none. */
  readonly histories?: readonly HistorySettings[]
}

/** Logger of an engine, for lost and restored connections. */
export type EngineLogger = {
  warn(details: object, message: string): void
  info(details: object, message: string): void
}

/**
 * Result of claiming a periodic task, such as a broadcast to all clients every minute. Says for which clients this node
 * runs the task in the current period, and when the next period begins.
 */
export type Claim = {
  /**
   * Clients for which this node runs the task. `cluster`: all clients; no other node runs the task in this period.
   * `node`: only the clients of this node; the engine is unavailable, so every node runs the task for its own clients.
   * `nobody`: no clients; another node runs the task in this period.
   */
  readonly scope: 'cluster' | 'node' | 'nobody'
  /** Milliseconds until the task's next period, at least 1. Call `claim` again after this time. */
  readonly nextInMs: number
}

/** Connects the nodes of a cluster. The default, `LocalEngine`, is for a single node. */
export interface Engine {
  /** Sends broadcasts to other nodes. */
  readonly adapter: PubSubAdapter
  /** Opens the store of a presence definition. */
  readonly openPresence: OpenStore
  /** Opens the store for the topics with a history. Absent if the engine does not support histories. */
  readonly openHistory?: OpenHistory
  /**
   * Sends questions (requests with a name and a JSON body) to other nodes, and answers the questions of other nodes.
   */
  readonly nodes: Nodes
  readonly state: EngineState
  /**
   * Milliseconds that the engine's server (for example Redis) took to reply to the latest command. Null before the
   * first reply. Absent if the engine has no server.
   */
  readonly lag?: number | null
  /**
   * Error code, such as NOPERM, while the engine's server refuses a command. Null or absent while the server accepts
   * all commands.
   */
  readonly fault?: string | null
  /** Start to connect. Called before the adapter is started. Must not wait for an unavailable server. */
  start(node: EngineNode): void | Promise<void>
  /** Disconnect. The other nodes must be told immediately that this node has stopped. */
  stop(): void | Promise<void>
  /**
   * Claim the task `name` for the current period of `periodMs` milliseconds. The first node that claims the period
   * runs the task for the whole cluster. Rejects only with a UsageError, for an invalid argument.
   */
  claim(name: string, periodMs: number): Promise<Claim>
}

/** Check the arguments of `Engine.claim`. @throws UsageError with `PHX_ERR_OPTION` for an invalid argument. */
export function checkClaim(name: string, periodMs: number): void {
  checkOption('claim(name, periodMs): `name`', name, nonEmptyString)
  checkOption('claim(name, periodMs): `periodMs`', periodMs, timeLimit)
}
