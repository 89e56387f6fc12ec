import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds between two samples; an idle loop shows this much. */
const RESOLUTION_MS = 20
/** Milliseconds over which the delay is averaged: a single long turn does not make a process unfit. */
const WINDOW_MS = 1_000

/** How long the turns of the event loop are that a request has to wait for. */
export class LoopDelay {
  readonly #histogram: IntervalHistogram
  readonly #timer: NodeJS.Timeout
  #ms: number

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#read(), WINDOW_MS).unref()
    this.#ms = 0
  }

  /** Milliseconds, the mean over the last second. */
  get ms(): number {
    return this.#ms
  }

  /** Measure no longer. */
  stop(): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }

  #read(): void {
    // Without a sample the mean is NaN.
    this.#ms = this.#histogram.count === 0 ? 0 : Math.max(0, this.#histogram.mean / 1e6 - RESOLUTION_MS)
    this.#histogram.reset()
  }
}
