import type { Transport } from './transport/transport.ts'

/** A connection, and what of it has a time. */
export interface SweptConnection {
  readonly transport: Pick<Transport, 'sweep'>
  /** Null if it may stay for ever. */
  readonly credentials: { sweep(now: number): void } | null
}

/** So many connections are looked at before the event loop turns. */
const SLICE = 2_000

/** What is looked at beside connections. */
export interface Swept {
  sweep(now: number): void
}

/** One coarse clock for all connections of an endpoint, instead of a timer for each. */
export class Sweep {
  /** Milliseconds, of the latest look. */
  now: number
  readonly #connections: Iterable<SweptConnection>
  readonly #others: Iterable<Swept>
  readonly #timer: NodeJS.Timeout
  #isRunning: boolean

  /** Look at every connection, and at the others, once in `intervalMs` milliseconds. */
  constructor(connections: Iterable<SweptConnection>, intervalMs: number, others: Iterable<Swept> = []) {
    this.now = performance.now()
    this.#connections = connections
    this.#others = others
    this.#isRunning = false
    this.#timer = setInterval(() => this.#start(), intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #start(): void {
    this.now = performance.now()
    for (const other of this.#others) other.sweep(this.now)
    // A sweep that takes longer than the interval is not begun a second time.
    if (this.#isRunning) return
    this.#isRunning = true
    this.#slice(this.#connections[Symbol.iterator](), this.now)
  }

  #slice(connections: Iterator<SweptConnection>, now: number): void {
    for (let looked = 0; looked < SLICE; looked++) {
      const next = connections.next()
      if (next.done) {
        this.#isRunning = false
        return
      }
      const { transport, credentials } = next.value
      transport.sweep(now)
      credentials?.sweep(now)
    }
    setImmediate(() => this.#slice(connections, now))
  }
}
