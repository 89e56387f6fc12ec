/** A connection, and what of it has a time. */
export interface SweptConnection {
  readonly transport: { sweep(now: number, late: number): void }
  /** Null if it may stay for ever. */
  readonly credentials: { sweep(now: number): void } | null
}

/** So many connections are looked at before the event loop turns. */
const SLICE = 2_000

/** What is looked at beside connections. */
export interface Swept {
  sweep(now: number): void
}

/** One sweep over all connections. */
type Look = {
  readonly connections: Iterator<SweptConnection>
  readonly now: number
  /** Milliseconds by which it began late: nobody was read meanwhile, so they do not count as silence. */
  readonly late: number
}

/** One coarse clock for all connections of an endpoint, instead of a timer for each. */
export class Sweep {
  /** Milliseconds, of the latest look. */
  now: number
  readonly #connections: Iterable<SweptConnection>
  readonly #others: Iterable<Swept>
  readonly #intervalMs: number
  readonly #timer: NodeJS.Timeout
  #isRunning: boolean
  /** Milliseconds by which the timer was late since a sweep last began. */
  #late: number

  /** Look at every connection, and at the others, once in `intervalMs` milliseconds. */
  constructor(connections: Iterable<SweptConnection>, intervalMs: number, others: Iterable<Swept> = []) {
    this.now = performance.now()
    this.#connections = connections
    this.#others = others
    this.#intervalMs = intervalMs
    this.#isRunning = false
    this.#late = 0
    this.#timer = setInterval(() => this.#start(), intervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #start(): void {
    const before = this.now
    this.now = performance.now()
    this.#late += Math.max(0, this.now - before - this.#intervalMs)
    for (const other of this.#others) other.sweep(this.now)
    // A sweep that takes longer than the interval is not begun a second time.
    if (this.#isRunning) return
    this.#isRunning = true
    const look = { connections: this.#connections[Symbol.iterator](), now: this.now, late: this.#late }
    this.#late = 0
    // After a stall, timers run before the network is read: what has waited in the kernel is read first.
    if (look.late > 0) setImmediate(() => this.#slice(look))
    else this.#slice(look)
  }

  #slice(look: Look): void {
    const { connections, now, late } = look
    for (let looked = 0; looked < SLICE; looked++) {
      const next = connections.next()
      if (next.done) {
        this.#isRunning = false
        return
      }
      const { transport, credentials } = next.value
      transport.sweep(now, late)
      credentials?.sweep(now)
    }
    setImmediate(() => this.#slice(look))
  }
}
