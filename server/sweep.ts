import type { Transport } from './transport/transport.ts'

/** So many connections are looked at before the event loop turns. */
const SLICE = 2_000

/** One coarse clock for all connections of an endpoint, instead of a timer for each. */
export class Sweep {
  readonly #connections: Iterable<{ readonly transport: Transport }>
  readonly #timer: NodeJS.Timeout
  #isRunning: boolean

  /** Look at every connection once in `intervalMs` milliseconds. */
  constructor(connections: Iterable<{ readonly transport: Transport }>, intervalMs: number) {
    this.#connections = connections
    this.#isRunning = false
    this.#timer = setInterval(() => this.#start(), intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #start(): void {
    // A sweep that takes longer than the interval is not begun a second time.
    if (this.#isRunning) return
    this.#isRunning = true
    this.#slice(this.#connections[Symbol.iterator](), performance.now())
  }

  #slice(connections: Iterator<{ readonly transport: Transport }>, now: number): void {
    for (let looked = 0; looked < SLICE; looked++) {
      const next = connections.next()
      if (next.done) {
        this.#isRunning = false
        return
      }
      next.value.transport.sweep(now)
    }
    setImmediate(() => this.#slice(connections, now))
  }
}
