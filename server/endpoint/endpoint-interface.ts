import type { Broadcast, Contract, OutEvent, OutPayload } from '../../protocol/index.ts'
import type { BroadcastOptions, EndpointPublishOptions } from '../channel/publish-options.ts'
import type { Engine } from '../engine/engine.ts'
import type { Limits } from '../limits/config.ts'
import type { Living } from '../presence/owner.ts'
import type { PresenceEndpoint, PresenceOwner } from '../presence/tracked.ts'
import type { BroadcastListener, Subscription } from '../pubsub/subscription.ts'
import type { HistoryPage, HistoryQuery } from './read-history.ts'

/** Running system with sockets, pub/sub and limits of its own. Two endpoints in one process are independent. */
export interface Endpoint extends PresenceEndpoint {
  /** Engine that connects this node to the other nodes. */
  readonly engine: Engine
  /** Limits on clients and on the process. A limit that was not set has its default. */
  readonly limits: Limits
  /** Id of this node, unique in the cluster and new at every start. */
  readonly nodeId: string
  /**
   * Resolves with true as soon as the engine is connected for the first time, and with false if the endpoint stops
   * earlier. Never rejects. The default engine is connected as soon as the server has started. The start of the server
   * waits for this promise, but at most one second.
   */
  readonly ready: Promise<boolean>
  /** True once `drain` was called: new connections are refused. */
  readonly isDraining: boolean

  /**
   * Send an event to all subscribers of a topic, on every node. With a contract as the first argument, the compiler
   * checks event and payload. On a single node, returns undefined. With several nodes, returns a promise that never
   * rejects: it resolves with true if the event was sent to the other nodes, otherwise with false.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  broadcast(
    topic: string,
    event: string,
    payload: object,
    options?: BroadcastOptions,
  ): Promise<boolean> | undefined
  broadcast<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: BroadcastOptions,
  ): Promise<boolean> | undefined
  /**
   * Broadcast to all subscribers, except the channel or subscription whose `id` is `from`, like `broadcast_from/4`.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  broadcastFrom(from: string, topic: string, event: string, payload: object): Promise<boolean> | undefined
  broadcastFrom<C extends Contract, E extends OutEvent<C>>(
    from: string,
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
  ): Promise<boolean> | undefined
  /**
   * Broadcast to the subscribers of this node only.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  localBroadcast(topic: string, event: string, payload: object): void
  localBroadcast<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
  ): void
  /**
   * Broadcast to the subscribers of this node only, except the channel or subscription whose `id` is `from`.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  localBroadcastFrom(from: string, topic: string, event: string, payload: object): void
  localBroadcastFrom<C extends Contract, E extends OutEvent<C>>(
    from: string,
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
  ): void
  /**
   * Send a `Broadcast`, for example a `Broadcast` that a subscription has received.
   * @throws UsageError when the argument is not a `Broadcast`.
   */
  send(broadcast: Broadcast): Promise<boolean> | undefined
  /**
   * Send as `broadcast` does. Resolves with true if the topic's history has kept the broadcast, and with false if it is
   * unknown whether the broadcast was kept. After false, publish again with the same `key`. On a topic without a
   * history, resolves with true if the broadcast was sent to the other nodes (RECOVERY-13). Rejects with a
   * KeyReusedError when the key was used for another event or payload, and with the errors that `broadcast` throws.
   */
  publish(topic: string, event: string, payload: object, options?: EndpointPublishOptions): Promise<boolean>
  publish<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: EndpointPublishOptions,
  ): Promise<boolean>
  /**
   * Read the history of a topic: its latest broadcasts, or the broadcasts before or after a sequence number. Resolves
   * with null if the history cannot be read now. Rejects with a UsageError if the topic has no history or `range` is
   * invalid.
   */
  history<C extends Contract>(contract: C, topic: string, range: HistoryQuery): Promise<HistoryPage<C> | null>

  /**
   * Call a listener with each broadcast of a topic, from all nodes, like `Endpoint.subscribe/1`. To stop, call
   * `unsubscribe()` of the returned subscription. Exceptions of the listener are reported. For example, to receive
   * broadcasts in a worker, call `endpoint.subscribe(topic, (b) => worker.send('broadcast', b))`, and unsubscribe in
   * `terminate`.
   * @throws UsageError when the topic is not a string or the listener not a function.
   */
  subscribe(topic: string, listener: BroadcastListener): Subscription
  /**
   * Send a message to a channel of this node by the channel's `id`, like `send/2` to the pid of a channel. The
   * channel's `handleInfo` handles the message. Returns false if this node has no such channel. To reach other nodes,
   * broadcast on a topic.
   * @throws UsageError when the channel's `handleInfo` has no handler of this name.
   */
  sendInfo(channelId: string, name: string, value?: unknown): boolean
  /**
   * Make a worker the owner of presences until the worker ends. Example:
   * `RoomPresence.track(endpoint.ownerOf(worker), topic, key, meta)`. Accepts any object with a promise `exited` that
   * settles when the object ends. @throws UsageError for any other value.
   */
  ownerOf(worker: Living): PresenceOwner

  /** Close all connections with this socket id. The code is 1001, so clients reconnect with fresh params (ID-2). */
  disconnect(id: string): Promise<boolean> | undefined
  /**
   * Topics that begin with `prefix` and that a channel of any node has joined, sorted, at most 10,000. Topics of nodes
   * that do not answer within a second are missing.
   */
  topics(prefix?: string): Promise<string[]>
  /** Number of channels that have joined a topic, on all nodes that answer within a second. */
  memberCount(topic: string): Promise<number>
  /** Topics that begin with `prefix` and that a channel of this node has joined, sorted. */
  localTopics(prefix?: string): string[]
  /** Number of channels of this node that have joined a topic. */
  localMemberCount(topic: string): number

  /** Announce that this node will stop: `/readyz` of `fastify-phoenix/health` fails, but clients are still served. */
  leave(): void
  /**
   * Refuse new connections, and close the open connections with 1012 in batches. Then wait for pending callbacks. The
   * option `drainer` of a mount sets the batches and the time limit (DRAIN-1 to DRAIN-4). Later calls return the
   * promise of the first call.
   */
  drain(): Promise<void>
  /**
   * Make `drain` wait for a promise. Returns a promise that never rejects: if the given promise rejects, the error is
   * logged and the result is undefined.
   */
  settle<T>(promise: PromiseLike<T>): Promise<T | undefined>
}
