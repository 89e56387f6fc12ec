import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Sample } from './metric.ts'

/** Sampling interval in milliseconds. */
const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

/** Delay of the event loop, which affects every client of this process. */
export class LoopDelayGauge {
  readonly #histogram: IntervalHistogram

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  }

  start(): void {
    this.#histogram.enable()
  }

  /** Read the delays since the last call, in seconds. The sampling interval is subtracted. */
  read(): Sample[] {
    const histogram = this.#histogram
    const seconds = (nanoseconds: number): number =>
      // Before the first sample, the histogram's values are meaningless.
      histogram.count === 0 ? 0 : Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1_000)
    const samples = [
      { labels: { quantile: '0.5' }, value: seconds(histogram.percentile(50)) },
      { labels: { quantile: '0.99' }, value: seconds(histogram.percentile(99)) },
      // The maximum, because the 99th percentile can hide a stall of several seconds.
      { labels: { quantile: '1' }, value: seconds(histogram.max) },
    ]
    histogram.reset()
    return samples
  }

  stop(): void {
    this.#histogram.disable()
  }
}
