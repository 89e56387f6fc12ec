import type { Registry } from 'prom-client'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { LoopDelayWindow } from '../health/loop-delay-window.ts'
import { type Metrics, metrics } from '../metrics/index.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { type Figures, type FrameFilter, type LoggedFrame, SAMPLE_EVERY_MS } from './contract.ts'
import { FrameLog } from './frame-log.ts'
import { ratesOf } from './rates.ts'
import { labelOf, readTotals, sum, type Totals, valuesOf, valueWith } from './totals.ts'

/** Milliseconds after which the node stops reading its figures if no dashboard has asked for them. */
const LEASE_MS = 5_000

/**
 * Frames that an open dashboard asks for. `after` maps each node to the number of the latest frame that the dashboard
 * has received from that node.
 */
export type FrameQuery = FrameFilter & { readonly after: Readonly<Record<string, number>> }

/** Answer of a node: the latest figures, and the frames for each query. */
export type NodeReport = {
  readonly figures: Figures | null
  readonly frames: readonly { readonly seq: number; readonly frames: readonly LoggedFrame[] }[]
}

/** Options of a `NodeMonitor`, which reads the figures of `endpoint` and `supervisor`. */
export type MonitorOptions = {
  readonly endpoint: EndpointServer
  readonly supervisor: Supervisor | null
  /** The frame log hides the value of each key that contains one of these words. */
  readonly filterParameters: readonly string[]
}

/**
 * Reads the figures of this node as long as a dashboard on any node asks for them. While no dashboard asks, the node
 * counts nothing and does not subscribe to telemetry.
 */
export class NodeMonitor {
  readonly #options: MonitorOptions
  #reading: Reading | null
  #lease: NodeJS.Timeout | null
  readonly #logs: Map<string, FrameLog>

  constructor(options: MonitorOptions) {
    this.#options = options
    this.#reading = null
    this.#lease = null
    this.#logs = new Map()
  }

  /**
   * Return the latest figures and frames. Starts to read the figures if necessary. The reading ends when `stop` is
   * called, or `LEASE_MS` after the last call of `report`.
   */
  report(queries: readonly FrameQuery[]): NodeReport {
    this.#reading ??= new Reading(this.#options)
    if (this.#lease !== null) clearTimeout(this.#lease)
    this.#lease = setTimeout(() => this.stop(), LEASE_MS).unref()
    const frames = queries.map((query) =>
      this.#logOf(query).since(query.after[this.#options.endpoint.nodeId] ?? 0),
    )
    const wanted = new Set(queries.map(keyOf))
    for (const [key, log] of this.#logs) {
      if (wanted.has(key) || !log.isQuiet(LEASE_MS)) continue
      log.stop()
      this.#logs.delete(key)
    }
    return { figures: this.#reading.figures, frames }
  }

  /** Stop all frame logs, and stop reading figures. */
  stop(): void {
    if (this.#lease !== null) clearTimeout(this.#lease)
    this.#lease = null
    this.#reading?.stop()
    this.#reading = null
    for (const log of this.#logs.values()) log.stop()
    this.#logs.clear()
  }

  #logOf(filter: FrameFilter): FrameLog {
    const key = keyOf(filter)
    const known = this.#logs.get(key)
    if (known !== undefined) return known
    const log = new FrameLog(this.#options.endpoint, filter, this.#options.filterParameters)
    this.#logs.set(key, log)
    return log
  }
}

function keyOf({ by, value }: FrameFilter): string {
  return `${by} ${value}`
}

/** Reads the figures once a second, from its construction until `stop`. */
class Reading {
  figures: Figures | null
  readonly #options: MonitorOptions
  readonly #metrics: Metrics<Registry>
  readonly #loopDelay: LoopDelayWindow
  readonly #timer: NodeJS.Timeout
  #isReading: boolean
  /** Latest totals. `at` is the time at which they were read, in milliseconds on the clock of `performance.now()`. */
  #last: { readonly totals: Totals; readonly at: number } | null

  constructor(options: MonitorOptions) {
    this.figures = null
    this.#options = options
    this.#metrics = metrics(options.endpoint)
    this.#loopDelay = new LoopDelayWindow()
    this.#isReading = false
    this.#last = null
    this.#timer = setInterval(() => this.#tick(), SAMPLE_EVERY_MS).unref()
    this.#tick()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#metrics.stop()
    this.#loopDelay.stop()
  }

  #tick(): void {
    if (!this.#isReading) void this.#options.endpoint.settle(this.#read())
  }

  async #read(): Promise<void> {
    this.#isReading = true
    try {
      const last = this.#last
      const at = performance.now()
      const totals = await readTotals(this.#metrics.registry)
      this.#last = { totals, at }
      // The first reading gives no rates, because a rate needs two readings.
      if (last === null) return
      const rates = ratesOf(last.totals, totals, (at - last.at) / 1_000)
      this.figures = { ...(await this.#gauges()), ...rates }
    } finally {
      this.#isReading = false
    }
  }

  async #gauges(): Promise<Omit<Figures, 'messages' | 'bytes' | 'latency'>> {
    const { supervisor, endpoint } = this.#options
    const { registry } = this.#metrics
    const [connections, slow, refused] = await Promise.all([
      valuesOf(registry, 'phoenix_connections'),
      valuesOf(registry, 'phoenix_slow_consumers_total'),
      valuesOf(registry, 'phoenix_joins_refused_total'),
    ])
    const reasons = new Map<string, number>()
    for (const { labels, value } of refused) {
      const reason = labelOf(labels, 'reason')
      reasons.set(reason, (reasons.get(reason) ?? 0) + value)
    }
    const { rss, heapUsed: heap } = process.memoryUsage()
    return {
      at: Date.now(),
      connections: {
        websocket: valueWith(connections, 'transport', 'websocket'),
        longpoll: valueWith(connections, 'transport', 'longpoll'),
      },
      loopDelay: { mean: this.#loopDelay.ms, max: this.#loopDelay.maxMs },
      memory: { rss, heap },
      slowConsumers: sum(slow),
      refusedJoins: Array.from(reasons, ([reason, count]) => ({ reason, count })),
      presences: Array.from(endpoint.trackers, ({ settings, size }) => ({ name: settings.name, size })),
      workers: supervisor?.children() ?? [],
    }
  }
}
