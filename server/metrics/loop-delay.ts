import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Sample } from './metric.ts'

/** Milliseconds between two looks at the clock. */
const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

/** How late the event loop is: what every client of this process feels. */
export class LoopDelay {
  readonly #histogram: IntervalHistogram

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  }

  start(): void {
    this.#histogram.enable()
  }

  /** Seconds since the last call; the resolution itself is no delay. */
  read(): Sample[] {
    const histogram = this.#histogram
    const seconds = (nanoseconds: number): number =>
      // Before the first look the histogram's values are no numbers that mean anything.
      histogram.count === 0 ? 0 : Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000)
    const samples = [
      { labels: { quantile: '0.5' }, value: seconds(histogram.percentile(50)) },
      { labels: { quantile: '0.99' }, value: seconds(histogram.percentile(99)) },
      // The 99th percentile hides a stall of seconds.
      { labels: { quantile: '1' }, value: seconds(histogram.max) },
    ]
    histogram.reset()
    return samples
  }

  stop(): void {
    this.#histogram.disable()
  }
}
