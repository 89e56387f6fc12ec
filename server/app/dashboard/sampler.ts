import type { Registry } from 'prom-client'
import type { LoopDelayWindow as LoopDelay } from '../../health/loop-delay-window.ts'
import type { Endpoint, Supervisor } from '../../index.ts'
import { Dashboard, type Figures, SAMPLE_EVERY_MS } from '../contracts/dashboard.ts'
import type { Counting } from '../counting.ts'
import type { Rooms } from '../rooms.ts'
import { overview } from './overview.ts'
import { ratesOf } from './rates.ts'
import { readTotals, type Totals, valuesOf, valueWith } from './totals.ts'

/** Where the figures come from. */
export type Sources = {
  /** The plugin makes it only later on. */
  readonly endpoint: () => Endpoint
  readonly rooms: () => Rooms
  readonly counting: Counting
  readonly loopDelay: LoopDelay
  readonly supervisor: Supervisor
}

/** Rooms are read at every so manieth reading: each of them is a question to all nodes. */
const ROOMS_EVERY = 2

/** Reads the figures of this process and tells those who watch; while nobody does, it does nothing. */
export class Sampler {
  readonly #sources: Sources
  /** The channels of those who watch, by their ids. */
  readonly #watchers: Set<string>
  /** The reading that goes on; null while nobody watches. */
  #watch: Watch | null

  constructor(sources: Sources) {
    this.#sources = sources
    this.#watchers = new Set()
    this.#watch = null
  }

  /** Which process this is. */
  get node() {
    return this.#sources.endpoint().nodeId
  }

  watch(channel: string): void {
    this.#watchers.add(channel)
    this.#watch ??= new Watch(this.#sources)
  }

  /** A channel watches no more. */
  leave(channel: string): void {
    this.#watchers.delete(channel)
    if (this.#watchers.size > 0) return
    this.#watch?.stop()
    this.#watch = null
  }
}

/** Reading from the first who watches to the last. */
class Watch {
  readonly #sources: Sources
  readonly #registry: Registry
  readonly #timer: NodeJS.Timeout
  #ticks: number
  #isReading: boolean
  #isAskingRooms: boolean
  /** The latest reading, and when it was in milliseconds of a clock that never jumps. */
  #last: { readonly totals: Totals; readonly at: number } | null

  constructor(sources: Sources) {
    this.#sources = sources
    this.#registry = sources.counting.hold()
    this.#ticks = 0
    this.#isReading = false
    this.#isAskingRooms = false
    this.#last = null
    this.#timer = setInterval(() => this.#tick(), SAMPLE_EVERY_MS)
    this.#tick()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#sources.counting.release()
  }

  #tick(): void {
    const endpoint = this.#sources.endpoint()
    const isTimeForRooms = this.#ticks % ROOMS_EVERY === 0
    this.#ticks += 1
    // One that takes long is not overtaken by the next.
    if (!this.#isReading) void endpoint.settle(this.#read(endpoint))
    if (isTimeForRooms && !this.#isAskingRooms) void endpoint.settle(this.#askRooms(endpoint))
  }

  async #read(endpoint: Endpoint): Promise<void> {
    this.#isReading = true
    try {
      const last = this.#last
      const at = performance.now()
      const totals = await readTotals(this.#registry)
      this.#last = { totals, at }
      // The first one is what the next is compared with.
      if (last === null) return
      const rates = ratesOf(last.totals, totals, (at - last.at) / 1_000)
      const figures = { ...(await this.#gauges()), ...rates }
      endpoint.localBroadcast(Dashboard, Dashboard.topic, 'figures', figures)
    } finally {
      this.#isReading = false
    }
  }

  async #gauges(): Promise<Omit<Figures, 'messages' | 'bytes' | 'latency'>> {
    const { loopDelay, supervisor } = this.#sources
    const connections = await valuesOf(this.#registry, 'phoenix_connections')
    const { rss, heapUsed: heap } = process.memoryUsage()
    return {
      at: Date.now(),
      connections: {
        websocket: valueWith(connections, 'transport', 'websocket'),
        longpoll: valueWith(connections, 'transport', 'longpoll'),
      },
      loopDelay: { mean: loopDelay.ms, max: loopDelay.maxMs },
      memory: { rss, heap },
      workers: supervisor.children(),
    }
  }

  async #askRooms(endpoint: Endpoint): Promise<void> {
    this.#isAskingRooms = true
    try {
      endpoint.localBroadcast(Dashboard, Dashboard.topic, 'rooms', await overview(this.#sources.rooms()))
    } finally {
      this.#isAskingRooms = false
    }
  }
}
