import { checkOption, list, nonEmptyString, object } from '../../protocol/check.ts'
import { contractRule, eventName } from '../../protocol/contract.ts'
import type { Broadcast, Contract, OutEvent, OutPayload } from '../../protocol/index.ts'
import { type EndpointPublishOptions, publishOptions } from '../channel/publish-options.ts'
import { makeBroadcast, optionsOf } from '../endpoint/broadcast-arguments.ts'
import { EngineError, HistoryUnknownError, wordsOf } from '../errors.ts'
import { Histories } from '../pubsub/histories.ts'
import { confirm, type KeepOptions, keep } from '../pubsub/keep.ts'
import { topologyOf } from '../redis/connect.ts'
import { RedisConnection } from '../redis/connection.ts'
import { HistoryPublisher } from '../redis/history-publisher.ts'
import { APPEND } from '../redis/history-scripts.ts'
import {
  type ConnectionOptions,
  engineRules,
  type RedisEngineOptions,
  resolveOptions,
} from '../redis/options.ts'
import { RedisAdapter } from '../redis/redis-adapter.ts'
import { parseShared, readShared } from '../redis/shared-histories.ts'
import { timeLimit } from '../runtime/delay.ts'
import { ignore } from '../runtime/promise.ts'
import { withTimeLimit } from '../runtime/time-limit.ts'

// An emitter consists of the parts of a node that are needed for publishing: the connection, the adapter and the
// publisher of histories. It has no sockets, no subscriptions and no lease. An emitter appends to a history exactly
// like a node, so it needs the settings of the history. The settings come from the option `histories`, otherwise from
// Redis, where the nodes store the settings of their histories.
//
// Invariant: a broadcast is sent only when it is known whether its topic has a history.

/** Options of an `Emitter`: the options of the nodes' `RedisEngine`, and two more. */
export type EmitterOptions = RedisEngineOptions & {
  /**
   * Contracts of topics with a history. Required if no node has run recently. Otherwise, the emitter can read the
   * settings of the histories from Redis, where the nodes store them. Default: none.
   */
  readonly histories?: readonly Contract[]
  /** Milliseconds for which `publish` waits for the connection to Redis. Default: 5,000. */
  readonly connectTimeout?: number
}

/** History settings of some topics, and the publisher that appends to the histories of these topics. */
type Known = { readonly histories: Histories; readonly publisher: HistoryPublisher }

const emitterOptions = object<EmitterOptions>({
  ...engineRules,
  histories: list(contractRule),
  connectTimeout: timeLimit,
})
/** Milliseconds for which the nodes' history settings are cached. */
const REMEMBER_MS = 10_000
const NOBODY = { entered: ignore, left: ignore, deliver: ignore, note: ignore }

/** Publishes into a running cluster, from a process without sockets. Connects at the first `publish`. */
export class Emitter {
  readonly #options: ConnectionOptions
  readonly #connectTimeout: number
  readonly #connection: RedisConnection
  readonly #adapter: RedisAdapter
  /** Histories from the option `histories`. */
  readonly #own: Known
  /** Latest read of the history settings that the nodes store in Redis; null before the first read. */
  #shared: (Known & { readonly text: string; readonly readAt: number }) | null
  #reading: Promise<Known | null> | null
  #lastError: unknown
  #state: 'idle' | 'open' | 'closed'
  #connected: Promise<boolean> | null
  #settleConnected: (isUp: boolean) => void

  /** @throws UsageError when an option is invalid. */
  constructor(options: EmitterOptions = {}) {
    checkOption('Emitter', options, emitterOptions)
    const { histories = [], connectTimeout = 5_000, ...engine } = options
    this.#options = resolveOptions(engine)
    this.#connectTimeout = connectTimeout
    this.#connection = new RedisConnection(topologyOf(engine), this.#options)
    this.#adapter = new RedisAdapter(this.#connection, NOBODY, this.#options.maxUnsentBytes)
    this.#own = this.#knownOf(new Histories(histories), this.#options.durable)
    this.#shared = null
    this.#reading = null
    this.#lastError = null
    this.#state = 'idle'
    this.#connected = null
    this.#settleConnected = ignore
  }

  /**
   * Send an event to all subscribers of a topic. If the topic's history keeps the event, resolves with true as soon as
   * the event is kept. If no history keeps the event, resolves with true as soon as the event is sent. Resolves with
   * false if the outcome is unknown: publish the event again with the same `key`. Rejects with an EngineError if Redis
   * cannot be reached within `connectTimeout`, and with a HistoryUnknownError if it is unknown whether the topic has a
   * history. Other rejections: see `endpoint.publish`.
   */
  publish(topic: string, event: string, payload: object, options?: EndpointPublishOptions): Promise<boolean>
  publish<C extends Contract, E extends OutEvent<C>>(
    contract: C,
    topic: string,
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: EndpointPublishOptions,
  ): Promise<boolean>
  async publish(...args: readonly unknown[]): Promise<boolean> {
    const options = optionsOf<EndpointPublishOptions>('emitter.publish()', args, publishOptions)
    const broadcast = makeBroadcast(args)
    checkOption('emitter.publish(): the topic', broadcast.topic, nonEmptyString)
    checkOption('emitter.publish(): the event', broadcast.event, eventName)
    if (this.#state === 'closed') throw new EngineError('the emitter is closed')
    if (!this.#connection.canSend) await this.#connect()
    return confirm(broadcast.topic, await this.#send(broadcast, options ?? {}))
  }

  /** Disconnect when Redis has replied to all sent commands. A later `publish` rejects. */
  async close(): Promise<void> {
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    this.#settleConnected(false)
    if (wasOpen) await this.#connection.stop()
  }

  async #send(broadcast: Broadcast, options: KeepOptions) {
    const { topic } = broadcast
    const own = this.#own.histories.of(topic)
    if (own !== null) return keep(this.#own.publisher, broadcast, own, options)
    const shared = await this.#read()
    if (shared === null) throw new HistoryUnknownError(topic, this.#noNode)
    const settings = shared.histories.of(topic)
    if (settings !== null) return keep(shared.publisher, broadcast, settings, options)
    return this.#adapter.publish(broadcast)
  }

  async #connect(): Promise<void> {
    this.#start()
    this.#connected ??= new Promise((resolve) => {
      this.#settleConnected = resolve
    })
    if (await withTimeLimit(this.#connectTimeout, this.#connected, false)) return
    if (this.#state === 'closed') throw new EngineError('the emitter is closed')
    const why = this.#lastError === null ? '' : `: ${wordsOf(this.#lastError)}`
    const words = `Redis was not reached within ${this.#connectTimeout} ms${why}`
    throw new EngineError(words, { cause: this.#lastError })
  }

  #start(): void {
    if (this.#state === 'open') return
    this.#state = 'open'
    this.#connection.prepare([APPEND])
    this.#connection.onChange((isUp) => {
      if (!isUp) return
      this.#settleConnected(true)
      this.#connected = null
    })
    const note = ({ err = null }: { err?: unknown }): void => {
      this.#lastError = err
    }
    this.#connection.startCommands({ warn: note, info: ignore })
  }

  /**
   * Return the histories whose settings the nodes have stored in Redis; null if no settings are stored. Concurrent
   * calls share one read of Redis, so that broadcasts keep their order.
   */
  #read(): Known | Promise<Known | null> {
    if (this.#reading !== null) return this.#reading
    const shared = this.#shared
    if (shared !== null && performance.now() - shared.readAt < REMEMBER_MS) return shared
    this.#reading = this.#readAnew().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #readAnew(): Promise<Known | null> {
    try {
      const text = await readShared(this.#connection)
      if (text === null) return null
      const known = this.#shared?.text === text ? this.#shared : this.#parse(text)
      this.#shared = { ...known, text, readAt: performance.now() }
      return this.#shared
    } catch (cause) {
      const words = `the settings of histories cannot be read from Redis: ${wordsOf(cause)}`
      throw new EngineError(words, { cause })
    }
  }

  #parse(text: string): Known {
    const { histories, durable } = parseShared(text)
    return this.#knownOf(new Histories(histories), durable)
  }

  #knownOf(histories: Histories, durable: boolean): Known {
    const options = { ...this.#options, durable, whenAway: 'refuse' as const }
    return { histories, publisher: new HistoryPublisher(this.#connection, options, NOBODY) }
  }

  get #noNode(): string {
    const { prefix } = this.#options
    const why = `no node with the prefix "${prefix}" has recently stored the settings of its histories in Redis`
    const contract = "an Emitter whose option `histories` lists the topic's contract"
    return `${why}. Check the URL of Redis and the prefix, start a node, or use ${contract}`
  }
}
