import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds between two samples. The histogram adds this time to each delay, so `delay` subtracts it. */
const RESOLUTION_MS = 20
/** Milliseconds over which the delay is averaged, so that a single long turn does not make a process unready. */
const WINDOW_MS = 1_000

/**
 * Measures the delay of the event loop over the last second, to decide whether the process is ready. The metrics do not
 * use this class, because they measure the delay over the whole time between two scrapes.
 */
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

  /** Mean delay over the last second, in milliseconds. */
  get ms(): number {
    return this.#ms
  }

  /** Longest delay of the last second, in milliseconds. */
  get maxMs(): number {
    return this.#maxMs
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }

  #read(): void {
    const { count, mean, max } = this.#histogram
    // Without a sample, the mean is NaN.
    this.#ms = count === 0 ? 0 : delay(mean)
    this.#maxMs = count === 0 ? 0 : delay(max)
    this.#histogram.reset()
  }
}

function delay(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
}
