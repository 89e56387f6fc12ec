import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { checkOption, string } from '../../protocol/check.ts'
import {
  Broadcast,
  CLOSE_SERVICE_RESTART,
  type Contract,
  DISCONNECT,
  type OutEvent,
  type OutPayload,
} from '../../protocol/index.ts'
import { Channel } from '../channel/channel.ts'
import { OutgoingCheck } from '../channel/outgoing-check.ts'
import { PendingCallbacks } from '../channel/pending-callbacks.ts'
import {
  type BroadcastOptions,
  broadcastOptions,
  type EndpointPublishOptions,
  publishOptions,
} from '../channel/publish-options.ts'
import { compile } from '../channel/validate.ts'
import type { Engine, EngineState } from '../engine/engine.ts'
import { LocalEngine } from '../engine/local-engine.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { BurstQueue, yieldingSlice } from '../limits/burst-queue.ts'
import { type Limits, resolveLimits } from '../limits/config.ts'
import { type Drainer, type DrainRound, drain, drainerDefaults } from '../limits/drainer.ts'
import { Sweep, type Swept } from '../limits/sweep.ts'
import type { Living } from '../presence/owner.ts'
import type { PresenceOwner } from '../presence/tracked.ts'
import { Trackers } from '../presence/trackers.ts'
import { dispatch } from '../pubsub/fastlane.ts'
import { Histories } from '../pubsub/histories.ts'
import {
  type AdapterFailed,
  type Dispatch,
  type KeepOptions,
  PubSub,
  type PubSubHistory,
  type Subscriber,
} from '../pubsub/pubsub.ts'
import { type BroadcastListener, Subscription } from '../pubsub/subscription.ts'
import { AddressCounts } from '../socket/address-counts.ts'
import { OpenSockets } from '../socket/open-sockets.ts'
import { type SocketRates, socketRates } from '../socket/rate.ts'
import type { Socket, SocketHost } from '../socket/socket.ts'
import { GuardedLogger } from '../telemetry/guarded-logger.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import { ThrottledLog } from '../telemetry/throttled-log.ts'
import { type BroadcastArguments, checkFrom, makeBroadcast, optionsOf } from './broadcast-arguments.ts'
import { type EndpointOptions, endpointOptions, type Logger } from './endpoint-options.ts'
import { Gaps } from './gap.ts'
import { type HistoryPage, type HistoryQuery, readHistory } from './read-history.ts'

/** Running system with its sockets, pubsub and limits. Endpoints of one process are isolated from each other. */
export class Endpoint implements SocketHost {
  readonly engine: Engine
  readonly pubsub: PubSub
  readonly limits: Limits
  readonly sockets: OpenSockets
  /** Number of joined or joining channels of all sockets. */
  channelCount: number
  readonly addressChannels: AddressCounts
  /** Channels whose id has been read, by id. */
  readonly channels: Map<string, Channel>
  readonly rates: SocketRates
  /** Spreads bursts of joins over several event-loop turns. */
  readonly admission: BurstQueue
  /** Log for lines that clients can cause, at most one a second of each kind. */
  readonly throttledLog: ThrottledLog
  /** Objects that are swept periodically, in addition to the sockets. */
  readonly swept: Set<Swept>
  /** Trackers of presences, for `definePresence`. */
  readonly trackers: Trackers
  /** Id of this node, unique in the cluster and new at every start. */
  readonly nodeId: string
  /** Logger that never throws, even if the application's does. */
  readonly logger: Logger
  /** Channel callbacks whose promise is pending. */
  readonly pendingCallbacks: PendingCallbacks
  /** Checks sent payloads against the contracts; null if `checkOutgoing` is off. */
  readonly outgoing: OutgoingCheck | null
  /** True after `leave`: health checks must send no new clients to this node. */
  isLeaving: boolean
  readonly #settling: Set<PromiseLike<unknown>>
  readonly #gaps: Gaps
  #lastId: number
  #sweep: Sweep | null
  #drained: Promise<void> | null

  /** @throws UsageError with `PHX_ERR_OPTION` for an unknown key or an invalid value. */
  constructor(options: EndpointOptions = {}) {
    checkOption('endpoint', options, endpointOptions)
    this.engine = options.engine ?? new LocalEngine()
    const dispatchAndTell: Dispatch = (subscribers, broadcast) => {
      dispatch(subscribers, broadcast)
      if (telemetry.broadcastDispatched.hasSubscribers) {
        telemetry.broadcastDispatched.publish({ endpoint: this, broadcast, subscribers })
      }
    }
    const failed: AdapterFailed = (call, cause) => this.report(new CallbackError('engine', call, cause))
    this.limits = resolveLimits(options.limits ?? {})
    const history = this.#historyOf(options)
    this.pubsub = new PubSub(this.engine.adapter, dispatchAndTell, failed, history)
    this.sockets = new OpenSockets(this.limits.maxConnectionsPerAddress)
    this.throttledLog = new ThrottledLog()
    this.channelCount = 0
    this.addressChannels = new AddressCounts(this.limits.maxChannelsPerAddress)
    this.channels = new Map()
    this.rates = socketRates(this.limits)
    this.admission = new BurstQueue({
      maxWaiting: this.limits.maxWaitingJoins,
      maxWait: this.limits.maxJoinWait,
      nextSlice: yieldingSlice,
    })
    this.swept = new Set<Swept>([this.throttledLog, this.pubsub])
    this.trackers = new Trackers(this, compile, this.engine.openPresence)
    this.nodeId = randomBytes(8).toString('base64url')
    this.logger = new GuardedLogger(options.logger ?? null)
    const { handlerWarnAfter = DEFAULT_WARN_AFTER_MS, checkOutgoing = isDeveloped() } = options
    const warn = (details: object, message: string) => this.logger.warn(details, message)
    this.pendingCallbacks = new PendingCallbacks(handlerWarnAfter, warn, this.throttledLog)
    this.outgoing = checkOutgoing ? new OutgoingCheck(warn, this.throttledLog) : null
    this.swept.add(this.pendingCallbacks)
    this.isLeaving = false
    this.#settling = new Set()
    this.#gaps = new Gaps(this, options.onGap ?? 'continue')
    this.#lastId = 0
    this.#sweep = null
    this.#drained = null
    this.engine.nodes.answer(TOPICS, (prefix) => this.localTopics(String(prefix)).slice(0, MAX_TOPICS))
    this.engine.nodes.answer(MEMBER_COUNT, (topic) => this.localMemberCount(String(topic)))
    for (const presence of options.presences ?? []) presence.open(this)
  }

  /** Connect to the other nodes. */
  async start(): Promise<void> {
    this.#sweep = new Sweep(this.sockets, this.limits.sweepInterval, this.swept)
    const stateChanged = (state: EngineState) => this.#tellEngine(state)
    await this.engine.start({ nodeId: this.nodeId, logger: this.logger, stateChanged })
    await this.pubsub.start((topics) => this.#gaps.missed(topics))
  }

  /** Milliseconds at the latest sweep, for uses that need no exact time. */
  get now(): number {
    return this.#sweep === null ? performance.now() : this.#sweep.now
  }

  /** Whether no callback runs, no item waits, and no promise of `settle` is pending. */
  get isIdle(): boolean {
    if (this.#settling.size > 0 || this.admission.waiting > 0) return false
    for (const { channels } of this.sockets) {
      for (const channel of channels) if (!channel.isIdle) return false
    }
    return true
  }

  /** True after `drain` was called: no further connections are accepted. */
  get isDraining(): boolean {
    return this.#drained !== null
  }

  /** Announce that this node will stop: `/readyz` of `fastify-phoenix/health` fails, but clients are still served. */
  leave(): void {
    this.isLeaving = true
  }

  /**
   * Refuse new connections, close the existing ones with 1012 in batches, and wait for their channels' callbacks, all
   * within each mount's time limits (DRAIN-1 to DRAIN-4). Later calls wait for the first.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  /** Drain, then disconnect from the other nodes. */
  async stop(): Promise<void> {
    await this.drain()
    this.#sweep?.stop()
    this.throttledLog.flush()
    this.#gaps.stop()
    await this.pubsub.stop()
    await this.engine.stop()
  }

  /**
   * Send an event to all clients on a topic, on all nodes; typed when the contract comes first. A returned promise,
   * which never rejects, resolves with whether it was sent to the other nodes.
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
    payload: OutPayload<C, E>,
    options?: BroadcastOptions,
  ): Promise<boolean> | undefined
  broadcast(...args: BroadcastArguments): Promise<boolean> | undefined {
    return this.send(makeBroadcast(args), optionsOf<BroadcastOptions>('broadcast', args, broadcastOptions))
  }

  /**
   * Broadcast, and resolve with whether the topic's history has kept it. False means that this is unknown: publish it
   * again with the same `key`. Without a history: whether it was sent to the other nodes (RECOVERY-13).
   * Rejects with a KeyReusedError when the key was used for another event or payload, and as `broadcast` throws.
   */
  publish(topic: string, event: string, payload: object, options?: EndpointPublishOptions): Promise<boolean>
  publish<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: OutPayload<C, E>,
    options?: EndpointPublishOptions,
  ): Promise<boolean>
  async publish(...args: BroadcastArguments): Promise<boolean> {
    const options = optionsOf<EndpointPublishOptions>('publish', args, publishOptions)
    return this.confirm(makeBroadcast(args), options)
  }

  /**
   * Read the history of a topic: its latest broadcasts, those before a place, or those after one. Resolves with null if
   * it cannot be read now. Rejects with a UsageError for a topic without a history, or an invalid range.
   */
  history<C extends Contract>(contract: C, topic: string, range: HistoryQuery): Promise<HistoryPage<C> | null>
  history(...args: readonly unknown[]): Promise<HistoryPage | null> {
    return readHistory(this.pubsub, args)
  }

  /**
   * Broadcast to the clients on this node only.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  localBroadcast(topic: string, event: string, payload: object): void
  localBroadcast<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: OutPayload<C, E>,
  ): void
  localBroadcast(...args: readonly unknown[]): void {
    const broadcast = makeBroadcast(args)
    this.outgoing?.broadcast(broadcast)
    this.pubsub.localBroadcast(broadcast)
  }

  /**
   * Broadcast to all except one: `from` is the `id` of a channel or a subscription, as `broadcast_from/4`.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  broadcastFrom(from: string, topic: string, event: string, payload: object): Promise<boolean> | undefined
  broadcastFrom<C extends Contract, E extends OutEvent<C>>(
    from: string,
    contract: C,
    topic: string,
    event: E,
    payload: OutPayload<C, E>,
  ): Promise<boolean> | undefined
  broadcastFrom(from: string, ...args: readonly unknown[]): Promise<boolean> | undefined {
    const channel = this.channels.get(checkFrom(from))
    const { topic } = makeBroadcast(args)
    const isKept = channel !== undefined && this.pubsub.historyOf(topic) !== null
    return this.send(makeBroadcast(args, isKept ? channel.senderId : from))
  }

  /**
   * Broadcast to all except one, on this node only.
   * @throws ProtocolError when the payload is neither a JSON object nor a `Uint8Array`.
   */
  localBroadcastFrom(from: string, topic: string, event: string, payload: object): void
  localBroadcastFrom<C extends Contract, E extends OutEvent<C>>(
    from: string,
    contract: C,
    topic: string,
    event: E,
    payload: OutPayload<C, E>,
  ): void
  localBroadcastFrom(from: string, ...args: readonly unknown[]): void {
    const broadcast = makeBroadcast(args, checkFrom(from))
    this.outgoing?.broadcast(broadcast)
    this.pubsub.localBroadcast(broadcast)
  }

  /**
   * Subscribe a callback to the broadcasts of a topic, from all nodes, until `unsubscribe` of the returned
   * subscription. In a worker, forward them to it: `endpoint.subscribe(topic, (b) => worker.send('broadcast', b))`,
   * and unsubscribe in `terminate`. Errors of the callback are reported. As `Endpoint.subscribe/1`.
   * @throws UsageError when the topic is not a string or the listener not a function.
   */
  subscribe(topic: string, listener: BroadcastListener): Subscription {
    return new Subscription(this, topic, listener)
  }

  /**
   * Send a message to a channel of this node by its `id`, as `send/2` to a channel's pid. Its `handleInfo` handles the
   * message. Returns false if this node has no such channel. To reach other nodes, broadcast on a separate topic.
   * @throws UsageError when the channel's `handleInfo` has no such name.
   */
  sendInfo(channelId: string, name: string, value?: unknown): boolean {
    checkOption('endpoint.sendInfo(): the channel id', channelId, string)
    checkOption('endpoint.sendInfo(): the name', name, string)
    const channel = this.channels.get(channelId)
    channel?.sendInfo(name, value)
    return channel !== undefined
  }

  /**
   * Let a worker own presences until it ends: `RoomPresence.track(endpoint.ownerOf(worker), topic, key, meta)`.
   * Accepts any object whose promise `exited` settles when it has ended. @throws UsageError for anything else.
   */
  ownerOf(worker: Living): PresenceOwner {
    return this.trackers.ownerOf(worker)
  }

  /** Close all connections of a socket id with code 1001. Their clients reconnect with fresh params (ID-2). */
  disconnect(id: string): Promise<boolean> | undefined {
    checkOption('endpoint.disconnect(): the socket id', id, string)
    return this.broadcast(id, DISCONNECT, {})
  }

  /**
   * Sorted topics with joined channels on any node that begin with `prefix`; at most 10,000. Nodes that cannot be
   * reached or do not answer within a second are left out.
   */
  async topics(prefix = ''): Promise<string[]> {
    checkOption('endpoint.topics(): the prefix', prefix, string)
    const others = await this.engine.nodes.askAll(TOPICS, prefix)
    const topics = new Set([...this.localTopics(prefix), ...others.flat().map(String)])
    return [...topics].sort().slice(0, MAX_TOPICS)
  }

  /** Number of channels that have joined a topic on all nodes that answer, as for `topics`. */
  async memberCount(topic: string): Promise<number> {
    checkOption('endpoint.memberCount(): the topic', topic, string)
    const others = await this.engine.nodes.askAll(MEMBER_COUNT, topic)
    return others.map(Number).reduce((sum, count) => sum + count, this.localMemberCount(topic))
  }

  /** Topics with joined channels on this node. */
  localTopics(prefix = ''): string[] {
    checkOption('endpoint.localTopics(): the prefix', prefix, string)
    const joined = [...this.pubsub.topics(prefix)].filter((topic) => this.localMemberCount(topic) > 0)
    return joined.sort()
  }

  /** Number of channels of this node that have joined a topic. */
  localMemberCount(topic: string): number {
    checkOption('endpoint.localMemberCount(): the topic', topic, string)
    let count = 0
    for (const subscriber of this.pubsub.subscribers(topic)) if (isMember(subscriber)) count++
    return count
  }

  /** For channels: send a broadcast. */
  send(broadcast: Broadcast, options?: KeepOptions): Promise<boolean> | undefined {
    if (!Broadcast.is(broadcast)) throw notBroadcast()
    this.outgoing?.broadcast(broadcast)
    const published = this.pubsub.broadcast(broadcast, options)
    if (published !== undefined) return this.#confirm(published)
  }

  /** For channels: send a broadcast, and resolve with whether it is kept. Rejects with a KeyReusedError. */
  confirm(broadcast: Broadcast, options?: KeepOptions): Promise<boolean> {
    this.outgoing?.broadcast(broadcast)
    const published = this.pubsub.publish(broadcast, options)
    void this.settle(published.catch(() => false))
    return published
  }

  newId(): string {
    this.#lastId += 1
    return `${this.nodeId}:${this.#lastId}`
  }

  /** Make `stop` wait for a promise. The returned promise never rejects; it resolves with undefined instead. */
  async settle<T>(promise: PromiseLike<T>): Promise<T | undefined> {
    this.#settling.add(promise)
    try {
      return await promise
    } catch (error) {
      this.logger.error({ err: error }, 'work in the background failed')
    } finally {
      this.#settling.delete(promise)
    }
  }

  async #confirm(published: Promise<boolean>): Promise<boolean> {
    return (await this.settle(published)) ?? false
  }

  async #drain(): Promise<void> {
    const groups = new Map<Drainer, Socket[]>()
    for (const socket of this.sockets) {
      const group = groups.get(socket.drainer)
      if (group === undefined) groups.set(socket.drainer, [socket])
      else group.push(socket)
    }
    // `terminate` of connections that closed earlier may still be pending.
    if (groups.size === 0) groups.set(drainerDefaults, [])
    const close = (batch: readonly Socket[], round: DrainRound) => {
      if (telemetry.socketDrain.hasSubscribers) telemetry.socketDrain.publish({ endpoint: this, ...round })
      for (const socket of batch) socket.close(CLOSE_SERVICE_RESTART, 'draining')
    }
    await Promise.all(
      Array.from(groups, ([drainer, sockets]) => drain(sockets, close, drainer, this.#settling)),
    )
    const pending = this.#settling.size
    if (pending > 0) this.logger.warn({ pending }, 'the drain is over, some callbacks are still pending')
  }

  /** @throws UsageError when histories of a topic differ, or the engine supports no histories or no file of them. */
  #historyOf({ histories: contracts = [], historyFile: file }: EndpointOptions): PubSubHistory | null {
    const histories = new Histories(contracts)
    if (file !== undefined) checkHandOver(this.engine, histories)
    if (histories.isEmpty) return null
    const open = this.engine.openHistory
    if (open === undefined) {
      throw new UsageError(
        'PHX_ERR_OPTION',
        'a contract with a `history` requires an engine with openHistory()',
      )
    }
    return {
      histories,
      open,
      maxBytes: this.limits.maxHistoryBytes,
      handOver: file === undefined ? null : { file, warn: (...line) => this.logger.warn(...line) },
      broken: (topics) => this.#gaps.broken(topics),
      note: ({ kind, topic, count = 1 }) => {
        if (!telemetry.historyChanged.hasSubscribers) return
        telemetry.historyChanged.publish({ endpoint: this, kind, topic, count })
      },
    }
  }

  #tellEngine(state: EngineState): void {
    const { engineUp, engineDown } = telemetry
    const told = state === 'up' ? engineUp : engineDown
    if (told.hasSubscribers) told.publish({ endpoint: this, engine: this.engine })
  }

  report(error: CallbackError, details: object = {}): void {
    if (telemetry.callbackFailed.hasSubscribers) telemetry.callbackFailed.publish({ endpoint: this, error })
    const { owner, callback, cause } = error
    this.logger.error({ err: cause, owner, callback, ...details }, error.message)
  }
}

/** Rule for an endpoint of this copy of the package. */
export function isEndpoint(value: unknown): value is Endpoint {
  return value instanceof Endpoint
}

/** @throws UsageError where a file cannot hand histories over: there are none, or other processes share them. */
function checkHandOver(engine: Engine, histories: Histories): void {
  const fault = histories.isEmpty
    ? 'requires a contract with a `history`'
    : !(engine instanceof LocalEngine)
      ? 'is for a single process; the engine given keeps histories itself'
      : cluster.isWorker
        ? 'is for a single process, and this is a worker process of several; use a RedisEngine'
        : null
  if (fault !== null) throw new UsageError('PHX_ERR_OPTION', `\`historyFile\` ${fault}`)
}

function notBroadcast(): UsageError {
  return new UsageError('PHX_ERR_OPTION', 'the argument of endpoint.send() must be a Broadcast')
}

const DEFAULT_WARN_AFTER_MS = 5_000
/** Maximum number of topics in an answer to another node. The first of all topics are among the first of each node. */
const MAX_TOPICS = 10_000
/** Names of the questions between nodes. */
const TOPICS = 'topics'
const MEMBER_COUNT = 'member count'

/** Default of `checkOutgoing`. */
function isDeveloped(): boolean {
  return ['development', 'test'].includes(process.env['NODE_ENV'] ?? '')
}

/** Whether a subscriber is a joined channel, not a channel's subscription to another topic. */
function isMember(subscriber: Subscriber): boolean {
  return subscriber instanceof Channel
}
