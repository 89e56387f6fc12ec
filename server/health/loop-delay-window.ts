import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds between two samples: the delay that an idle loop shows. */
const RESOLUTION_MS = 20
/** Milliseconds over which the delay is averaged: a single long turn does not make a process unfit. */
const WINDOW_MS = 1_000

/** The delay of the event loop over the last second, for decisions; metrics read theirs at each scrape. */
export class LoopDelayWindow {
  readonly #histogram: IntervalHistogram
  readonly #timer: NodeJS.Timeout
  #ms: number
  #maxMs: number

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#read(), WINDOW_MS).unref()
    this.#ms = 0
    this.#maxMs = 0
  }

  /** Milliseconds, the mean over the last second. */
  get ms(): number {
    return this.#ms
  }

  /** Milliseconds, the longest of the last second. */
  get maxMs(): number {
    return this.#maxMs
  }

  /** Stop measuring. */
  stop(): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }

  #read(): void {
    const { count, mean, max } = this.#histogram
    // Without a sample the mean is NaN.
    this.#ms = count === 0 ? 0 : delay(mean)
    this.#maxMs = count === 0 ? 0 : delay(max)
    this.#histogram.reset()
  }
}

function delay(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
}
