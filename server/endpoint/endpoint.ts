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
import { CallbackError, checkEndpoint, logDetails, UsageError } from '../errors.ts'
import { BurstQueue, yieldingSlice } from '../limits/burst-queue.ts'
import { type Limits, resolveLimits } from '../limits/config.ts'
import { type Drainer, type DrainRound, drain, drainerDefaults } from '../limits/drainer.ts'
import { Sweep, type Swept } from '../limits/sweep.ts'
import type { Living } from '../presence/owner.ts'
import type { PresenceOwner } from '../presence/tracked.ts'
import { Trackers } from '../presence/trackers.ts'
import { dispatch } from '../pubsub/fastlane.ts'
import { Histories } from '../pubsub/histories.ts'
import type { KeepOptions } from '../pubsub/keep.ts'
import {
  type AdapterFailed,
  type Dispatch,
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
import {
  type BroadcastArguments,
  checkFrom,
  makeBroadcast,
  optionsOf,
  topicOf,
} from './broadcast-arguments.ts'
import type { Endpoint } from './endpoint-interface.ts'
import { type EndpointOptions, endpointOptions, type Logger } from './endpoint-options.ts'
import { Gaps } from './gap.ts'
import { type HistoryPage, type HistoryQuery, readHistory } from './read-history.ts'

/** Implementation of `Endpoint`. The interface documents the public members; all other members are internal. */
export class EndpointServer implements SocketHost, Endpoint {
  readonly engine: Engine
  readonly pubsub: PubSub
  readonly limits: Limits
  readonly sockets: OpenSockets
  /** Number of joined or joining channels of all sockets. */
  channelCount: number
  readonly addressChannels: AddressCounts
  /** Channels by id. The getter `Channel.id` adds its channel at the first call. */
  readonly channels: Map<string, Channel>
  readonly rates: SocketRates
  /** Spreads bursts of joins over several event-loop turns. */
  readonly admission: BurstQueue
  /** Logger for lines that clients can cause. Writes at most one line of each kind per second. */
  readonly throttledLog: ThrottledLog
  /** Objects whose `sweep` is called periodically, in addition to the sockets. */
  readonly swept: Set<Swept>
  /** Presence trackers: one for each result of `definePresence` that the endpoint uses. */
  readonly trackers: Trackers
  readonly nodeId: string
  readonly ready: Promise<boolean>
  /** Logger that never throws, even if the application's logger throws. */
  readonly logger: Logger
  /** Channel callbacks whose promise is pending. */
  readonly pendingCallbacks: PendingCallbacks
  /** Checks sent payloads against the contracts; null if `checkOutgoing` is off. */
  readonly outgoing: OutgoingCheck | null
  /** True after `leave`. While true, health checks must fail, so that no new clients are sent to this node. */
  isLeaving: boolean
  readonly #settling: Set<PromiseLike<unknown>>
  readonly #gaps: Gaps
  #lastId: number
  #sweep: Sweep | null
  #drained: Promise<void> | null
  #resolveReady!: (isConnected: boolean) => void

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
    this.addressChannels = new AddressCounts(this.limits.maxChannelsPerAddress, () =>
      [...this.sockets].map(({ address, channelCount }) => [address, channelCount]),
    )
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
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve
    })
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
    const { histories } = this.pubsub
    await this.engine.start({ nodeId: this.nodeId, logger: this.logger, stateChanged, histories })
    if (this.engine.state === 'up') this.#resolveReady(true)
    await this.pubsub.start((topics) => this.#gaps.missed(topics))
  }

  /** Approximate current time, cheaper than `performance.now()`. Each sweep updates the time. */
  get now(): number {
    return this.#sweep === null ? performance.now() : this.#sweep.now
  }

  /**
   * True if nothing runs or waits: no callback or queued item of a channel, no join, and no promise that was passed to
   * `settle`.
   */
  get isIdle(): boolean {
    if (this.#settling.size > 0 || this.admission.waiting > 0) return false
    for (const { channels } of this.sockets) {
      for (const channel of channels) if (!channel.isIdle) return false
    }
    return true
  }

  get isDraining(): boolean {
    return this.#drained !== null
  }

  leave(): void {
    this.isLeaving = true
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  /** Drain, then disconnect from the other nodes. */
  async stop(): Promise<void> {
    this.#resolveReady(false)
    await this.drain()
    this.#sweep?.stop()
    this.throttledLog.flush()
    this.#gaps.stop()
    try {
      await this.pubsub.stop()
    } finally {
      await this.engine.stop()
    }
  }

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
  broadcast(...args: BroadcastArguments): Promise<boolean> | undefined {
    return this.send(
      makeBroadcast(args),
      optionsOf<BroadcastOptions>('endpoint.broadcast()', args, broadcastOptions),
    )
  }

  publish(topic: string, event: string, payload: object, options?: EndpointPublishOptions): Promise<boolean>
  publish<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: EndpointPublishOptions,
  ): Promise<boolean>
  async publish(...args: BroadcastArguments): Promise<boolean> {
    const options = optionsOf<EndpointPublishOptions>('endpoint.publish()', args, publishOptions)
    return this.confirm(makeBroadcast(args), options)
  }

  history<C extends Contract>(contract: C, topic: string, range: HistoryQuery): Promise<HistoryPage<C> | null>
  history(...args: readonly unknown[]): Promise<HistoryPage | null> {
    return readHistory(this.pubsub, args)
  }

  localBroadcast(topic: string, event: string, payload: object): void
  localBroadcast<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
  ): void
  localBroadcast(...args: readonly unknown[]): void {
    const broadcast = makeBroadcast(args)
    this.outgoing?.broadcast(broadcast)
    this.pubsub.localBroadcast(broadcast)
  }

  broadcastFrom(from: string, topic: string, event: string, payload: object): Promise<boolean> | undefined
  broadcastFrom<C extends Contract, E extends OutEvent<C>>(
    from: string,
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
  ): Promise<boolean> | undefined
  broadcastFrom(from: string, ...args: readonly unknown[]): Promise<boolean> | undefined {
    const channel = this.channels.get(checkFrom('endpoint.broadcastFrom()', from))
    const topic = topicOf(args)
    const isKept = channel !== undefined && topic !== null && this.pubsub.historyOf(topic) !== null
    return this.send(makeBroadcast(args, isKept ? channel.senderId : from))
  }

  localBroadcastFrom(from: string, topic: string, event: string, payload: object): void
  localBroadcastFrom<C extends Contract, E extends OutEvent<C>>(
    from: string,
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
  ): void
  localBroadcastFrom(from: string, ...args: readonly unknown[]): void {
    const broadcast = makeBroadcast(args, checkFrom('endpoint.localBroadcastFrom()', from))
    this.outgoing?.broadcast(broadcast)
    this.pubsub.localBroadcast(broadcast)
  }

  subscribe(topic: string, listener: BroadcastListener): Subscription {
    return new Subscription(this, topic, listener)
  }

  sendInfo(channelId: string, name: string, value?: unknown): boolean {
    checkOption('endpoint.sendInfo(): the channel id', channelId, string)
    checkOption('endpoint.sendInfo(): the name', name, string)
    const channel = this.channels.get(channelId)
    channel?.sendInfo(name, value)
    return channel !== undefined
  }

  ownerOf(worker: Living): PresenceOwner {
    return this.trackers.ownerOf(worker)
  }

  disconnect(id: string): Promise<boolean> | undefined {
    checkOption('endpoint.disconnect(): the socket id', id, string)
    return this.broadcast(id, DISCONNECT, {})
  }

  async topics(prefix = ''): Promise<string[]> {
    checkOption('endpoint.topics(): the prefix', prefix, string)
    const others = await this.engine.nodes.askAll(TOPICS, prefix)
    const topics = new Set([...this.localTopics(prefix), ...others.flat().map(String)])
    return [...topics].sort().slice(0, MAX_TOPICS)
  }

  async memberCount(topic: string): Promise<number> {
    checkOption('endpoint.memberCount(): the topic', topic, string)
    const others = await this.engine.nodes.askAll(MEMBER_COUNT, topic)
    return others.map(Number).reduce((sum, count) => sum + count, this.localMemberCount(topic))
  }

  localTopics(prefix = ''): string[] {
    checkOption('endpoint.localTopics(): the prefix', prefix, string)
    const joined = [...this.pubsub.topics(prefix)].filter((topic) => this.localMemberCount(topic) > 0)
    return joined.sort()
  }

  localMemberCount(topic: string): number {
    checkOption('endpoint.localMemberCount(): the topic', topic, string)
    let count = 0
    for (const subscriber of this.pubsub.subscribers(topic)) if (isMember(subscriber)) count++
    return count
  }

  /** Send a broadcast. Only internal callers pass `options`. */
  send(broadcast: Broadcast, options?: KeepOptions): Promise<boolean> | undefined {
    if (!Broadcast.is(broadcast)) throw notBroadcast()
    this.outgoing?.broadcast(broadcast)
    const published = this.pubsub.broadcast(broadcast, options)
    if (published !== undefined) return this.#confirm(published)
  }

  /** Implements `publish` of the endpoint and of channels. */
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

  async settle<T>(promise: PromiseLike<T>): Promise<T | undefined> {
    this.#settling.add(promise)
    try {
      return await promise
    } catch (error) {
      this.logger.error({ err: error }, 'background task failed')
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
    // Drain even without connections, because `terminate` callbacks of ended channels may still be pending.
    if (groups.size === 0) groups.set(drainerDefaults, [])
    const close = (batch: readonly Socket[], round: DrainRound) => {
      if (telemetry.socketDrain.hasSubscribers) telemetry.socketDrain.publish({ endpoint: this, ...round })
      for (const socket of batch) socket.close(CLOSE_SERVICE_RESTART, 'draining')
    }
    await Promise.all(
      Array.from(groups, ([drainer, sockets]) => drain(sockets, close, drainer, this.#settling)),
    )
    const pending = this.#settling.size
    if (pending > 0) this.logger.warn({ pending }, 'drain ended with callbacks still pending')
  }

  /**
   * @throws UsageError when contracts of one topic have different histories, when the engine does not support
   * histories, or when `historyFile` cannot be used.
   */
  #historyOf({ histories: contracts = [], historyFile: file }: EndpointOptions): PubSubHistory | null {
    const histories = new Histories(contracts)
    if (file !== undefined) checkHandOver(this.engine, histories)
    if (histories.isEmpty) return null
    const open = this.engine.openHistory
    if (open === undefined) {
      throw new UsageError(
        'PHX_ERR_OPTION',
        'a contract with a `history` requires an engine that keeps histories, such as a RedisEngine, ' +
          'or a LocalEngine without an adapter of your own',
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
    if (state === 'up') this.#resolveReady(true)
    const { engineUp, engineDown } = telemetry
    const told = state === 'up' ? engineUp : engineDown
    if (told.hasSubscribers) told.publish({ endpoint: this, engine: this.engine })
  }

  report(error: CallbackError, details: object = {}): void {
    if (telemetry.callbackFailed.hasSubscribers) telemetry.callbackFailed.publish({ endpoint: this, error })
    this.logger.error({ ...logDetails(error), ...details }, error.message)
  }
}

/** Returns true if a value is an endpoint that this copy of the package has created. */
export function isEndpoint(value: unknown): value is EndpointServer {
  return value instanceof EndpointServer
}

/**
 * Return `app.endpoint` with its internal members.
 * @throws UsageError for an endpoint that another copy of the package has created.
 */
export function serverOf(endpoint: Endpoint): EndpointServer {
  checkEndpoint('fastify-phoenix', endpoint, isEndpoint)
  return endpoint
}

/** @throws UsageError if no contract has a history, if the engine is not a LocalEngine, or in a worker process. */
function checkHandOver(engine: Engine, histories: Histories): void {
  const fault = histories.isEmpty
    ? '`historyFile` requires a contract with a `history`'
    : !(engine instanceof LocalEngine)
      ? '`historyFile` cannot be used with this engine; remove the option, or use a LocalEngine'
      : cluster.isWorker
        ? '`historyFile` cannot be used in a worker process; ' +
          'call cluster() with `workers: 0`, or remove `historyFile` and use a RedisEngine'
        : null
  if (fault !== null) throw new UsageError('PHX_ERR_OPTION', fault)
}

function notBroadcast(): UsageError {
  return new UsageError('PHX_ERR_OPTION', 'the argument of endpoint.send() must be a Broadcast')
}

const DEFAULT_WARN_AFTER_MS = 5_000
/**
 * Maximum number of topics that `topics()` returns, and that a node sends to another node. Each node sends its first
 * topics in sorted order, so the result contains the first topics of the cluster.
 */
const MAX_TOPICS = 10_000
/** Names of the questions that nodes ask each other. */
const TOPICS = 'topics'
const MEMBER_COUNT = 'member count'

/** Returns the default of `checkOutgoing`: whether `NODE_ENV` is `development` or `test`. */
function isDeveloped(): boolean {
  return ['development', 'test'].includes(process.env['NODE_ENV'] ?? '')
}

/** Whether a subscriber is a joined channel, not a channel's subscription to another topic. */
function isMember(subscriber: Subscriber): boolean {
  return subscriber instanceof Channel
}
