import { ErrorReply } from 'redis'
import type { Broadcast } from '../../protocol/index.ts'
import { EngineError } from '../errors.ts'
import type {
  Appended,
  HistoryHost,
  HistoryPart,
  HistoryRange,
  HistorySettings,
  HistoryStore,
  Kept,
  Position,
  Recovery,
  RecoveryRequest,
} from '../pubsub/history.ts'
import type { RedisConnection } from './connection.ts'
import { Deadlines } from './deadlines.ts'
import { HistoryJoins } from './history-joins.ts'
import { HistoryLog, type HistoryLogHost } from './history-log.ts'
import { HistoryPublisher, type PublishOptions } from './history-publisher.ts'
import { HistoryReader } from './history-reader.ts'
import { APPEND, READ } from './history-scripts.ts'
import { decodeEchoed } from './message.ts'
import type { ConnectionOptions } from './options.ts'
import type { EchoReceiver } from './redis-adapter.ts'

// Histories in a cluster. Each topic has one stream (`history-scripts.ts`). A script writes a broadcast to the stream,
// and publishes the broadcast. On every node, one `HistoryLog` per subscribed topic delivers the broadcasts that arrive
// from Redis, including the node's own broadcasts, in the order of the stream. `HistoryJoins` decides at which position
// of the stream a joining client continues. If the log's cache is not sufficient for this decision, `HistoryJoins`
// reads the stream. Clients that join at the same time share this read.
//
// Messages of Redis' pub/sub may be lost at any time. A log notices a loss at the next message. In addition, all logs
// are compared with their streams after a resubscription and at least every 30 seconds. The comparison also extends the
// lifetime of the streams.
//
// Invariant: a broadcast that must be kept is first written to the stream, then delivered. A client gets
// `recovered: true` only if the client can get all broadcasts that it has missed.

/** Milliseconds for which a log's cache is kept after its last use. */
const CACHE_MS = 5_000
/** Approximate memory of one `HistoryLog`, in bytes. The bytes of its cache are counted separately. */
const LOG_BYTES = 1_000
/** Maximum time in ms between two checks of a topic. A check compares the node's data with the stream in Redis. */
const CHECK_MS = 30_000
/** Minimum number of checks of a topic within `ttlMs`, the lifetime of its history. */
const CHECKS_PER_TTL = 3
/** Default interval in ms of the timer for these checks. A history with a short `ttlMs` shortens the interval. */
const TICK_MS = 1_000

/** Options of a `RedisHistory`; see `RedisEngineOptions`. */
export type RedisHistoryOptions = PublishOptions & Pick<ConnectionOptions, 'subscribeTimeout'>

/** Topic with subscribers on this node. */
type Followed = { readonly log: HistoryLog; readonly joins: HistoryJoins }

/** Keeps broadcasts in Redis, and delivers them in the same order on all nodes. */
export class RedisHistory implements HistoryStore, HistoryLogHost, EchoReceiver {
  readonly host: HistoryHost
  readonly reader: HistoryReader
  readonly cached: { total: number }
  readonly #connection: RedisConnection
  readonly #publisher: HistoryPublisher
  readonly #followed: Map<string, Followed>
  readonly #waiting: Deadlines<() => void>
  readonly #cooling: Deadlines<HistoryLog>
  /** The logs that have a filled cache. The least recently used log comes first. */
  readonly #warm: Set<HistoryLog>
  #tickMs: number
  #timer: NodeJS.Timeout | null
  #isStopped: boolean

  /** The history must be created before the connection is started. */
  constructor(connection: RedisConnection, options: RedisHistoryOptions, host: HistoryHost) {
    this.host = host
    this.cached = { total: 0 }
    this.reader = new HistoryReader(connection, options.durable, (topic, count) =>
      host.note({ kind: 'read', topic, count }),
    )
    this.#connection = connection
    this.#publisher = new HistoryPublisher(connection, options, host)
    this.#followed = new Map()
    this.#waiting = new Deadlines(options.subscribeTimeout, call)
    this.#cooling = new Deadlines(CACHE_MS, (log) => this.#cool(log))
    this.#warm = new Set()
    this.#tickMs = TICK_MS
    this.#timer = null
    this.#isStopped = false
    connection.prepare([APPEND, READ])
    connection.onChange((isUp) => {
      if (isUp) this.#retry()
    })
  }

  get bytes(): number {
    return this.cached.total + this.#followed.size * LOG_BYTES
  }

  start(): void {
    this.#tickEvery(this.#tickMs)
  }

  stop(): void {
    this.#isStopped = true
    if (this.#timer !== null) clearInterval(this.#timer)
    for (const topic of [...this.#followed.keys()]) this.unsubscribe(topic)
    this.#waiting.clear()
    this.#cooling.clear()
  }

  subscribe(topic: string, settings: HistorySettings): void | Promise<void> {
    if (this.#isStopped) return
    const log = new HistoryLog(topic, settings, this)
    const period = checkPeriod(settings)
    log.dueAt = performance.now() + period * Math.random()
    if (period < this.#tickMs) this.#tickEvery(period)
    this.#followed.set(topic, { log, joins: new HistoryJoins(log, this.#waiting) })
    const { subscriptions, keys } = this.#connection
    const channel = keys.topic(topic)
    const subscribed = subscriptions.subscribed(channel)
    if (subscribed === undefined && !subscriptions.isLive(channel)) return
    return this.#atMost(this.#enter(log, subscribed))
  }

  unsubscribe(topic: string): void {
    const followed = this.#followed.get(topic)
    if (followed === undefined) return
    this.#followed.delete(topic)
    followed.joins.close()
    followed.log.close()
    this.#warm.delete(followed.log)
    this.#cooling.delete(followed.log)
  }

  append(broadcast: Broadcast, settings: HistorySettings, key: string | null): Appended | Promise<Appended> {
    return this.#isStopped ? { outcome: 'unknown' } : this.#publisher.append(broadcast, settings, key)
  }

  pass(broadcast: Broadcast): Promise<boolean> {
    return this.#isStopped ? Promise.resolve(false) : this.#publisher.pass(broadcast)
  }

  head(topic: string, settings: HistorySettings): Position | null | Promise<Position | null> {
    return this.#followed.get(topic)?.log.position ?? this.#readHead(topic, settings)
  }

  recover(
    topic: string,
    _settings: HistorySettings,
    request: RecoveryRequest,
    answer: (recovery: Recovery | null) => void,
  ): void {
    const followed = this.#followed.get(topic)
    if (followed === undefined) answer(null)
    else followed.joins.add(request, answer)
  }

  replay(topic: string, after: Position, count: number): readonly Kept[] | null | Promise<void> {
    return this.#followed.get(topic)?.log.replay(after, count) ?? null
  }

  async read(topic: string, settings: HistorySettings, range: HistoryRange): Promise<HistoryPart | null> {
    try {
      return await this.reader.part(topic, settings, range)
    } catch (error) {
      this.report(error)
      return null
    }
  }

  /**
   * Handle a message from the Redis channel of a topic. Returns false if the message is not for a topic with a history.
   */
  received(topic: string, message: Buffer): boolean {
    const echoed = decodeEchoed(topic, message)
    if (echoed === null) return false
    this.#followed.get(topic)?.log.receive(echoed)
    return true
  }

  /** Handle a possible loss of messages on the Redis channel of a topic. Returns false if the topic has no history. */
  missed(topic: string): boolean {
    const followed = this.#followed.get(topic)
    void followed?.log.sync()
    return followed !== undefined
  }

  /** Report an error. Outages and refused commands are skipped, because the connection logs both. */
  report(error: unknown): void {
    if (!(error instanceof EngineError) && !(error instanceof ErrorReply)) this.host.failed('history', error)
  }

  touched(log: HistoryLog): void {
    this.#warm.delete(log)
    this.#warm.add(log)
    this.#cooling.add(log)
    if (this.bytes <= this.host.maxBytes) return
    for (const other of this.#warm) {
      if (other === log || this.bytes <= this.host.maxBytes) return
      this.#cooling.delete(other)
      this.#cool(other)
    }
  }

  synced({ topic }: HistoryLog): void {
    this.#followed.get(topic)?.joins.resume()
  }

  #cool(log: HistoryLog): void {
    this.#warm.delete(log)
    log.clearCache()
  }

  /**
   * Wait until the topic's Redis channel is subscribed to, then read the topic's latest sequence number. If the
   * subscription fails, the number is read after the next successful subscription (see `missed`).
   */
  async #enter(log: HistoryLog, subscribed: Promise<void> | undefined): Promise<void> {
    await subscribed
    if (this.#connection.subscriptions.isLive(this.#connection.keys.topic(log.topic))) await log.sync()
  }

  async #readHead(topic: string, settings: HistorySettings): Promise<Position | null> {
    const query = { mode: 'follow', direction: 'after', epoch: null, place: null, count: 0 } as const
    try {
      const { epoch, head } = await this.reader.read(topic, settings, query)
      return { epoch, seq: head }
    } catch (error) {
      this.report(error)
      return null
    }
  }

  /** Wait for a promise, but at most `subscribeTimeout` milliseconds. */
  #atMost(entering: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve)
      void entering.then(() => {
        this.#waiting.delete(resolve)
        resolve()
      })
    })
  }

  #tickEvery(ms: number): void {
    this.#tickMs = ms
    if (this.#timer !== null) clearInterval(this.#timer)
    if (this.#isStopped) return
    this.#timer = setInterval(() => this.#checkDue(), ms)
    this.#timer.unref()
  }

  #checkDue(): void {
    if (this.#connection.state !== 'up') return
    const now = performance.now()
    for (const { log } of this.#followed.values()) {
      if (now < log.dueAt && !log.mustSync) continue
      log.dueAt = now + checkPeriod(log.settings)
      void log.check()
    }
  }

  /** Repeat failed reads, because Redis is available again. */
  #retry(): void {
    for (const { log, joins } of this.#followed.values()) {
      if (log.mustSync) void log.sync()
      else joins.resume()
    }
  }
}

/** Milliseconds between two checks of a topic. */
function checkPeriod({ ttlMs }: HistorySettings): number {
  return Math.max(1, Math.min(CHECK_MS, ttlMs / CHECKS_PER_TTL))
}

function call(resolve: () => void): void {
  resolve()
}
