/** Members of a connection that `Sweep` uses to check the connection's timeouts. */
export interface SweptConnection {
  readonly transport: { sweep(now: number, late: number): void }
  /** Null if the connection's credentials do not expire. */
  readonly credentials: { sweep(now: number): void } | null
}

/** Number of connections whose timeouts are checked per event-loop turn. */
const SLICE = 2_000

/** Object, other than a connection, whose `sweep` is called once per interval. */
export interface Swept {
  sweep(now: number): void
}

/** State of one sweep, which checks the timeouts of all connections. */
type Look = {
  readonly connections: Iterator<SweptConnection>
  readonly now: number
  /**
   * Delay of the sweep in milliseconds. The server read no bytes during the delay, so the delay does not count as
   * silence of a client.
   */
  readonly late: number
}

/** Checks the timeouts of all connections once per interval, with a single timer. */
export class Sweep {
  /** Time when the timer last fired, in milliseconds of `performance.now()`. */
  now: number
  readonly #connections: Iterable<SweptConnection>
  readonly #others: Iterable<Swept>
  readonly #intervalMs: number
  readonly #timer: NodeJS.Timeout
  #isRunning: boolean
  /** Milliseconds by which the timer has fired too late, summed up since the latest sweep began. */
  #late: number

  /** Sweep all connections, and `others`, once every `intervalMs` milliseconds. */
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
    // If a sweep takes longer than the interval, do not start a second sweep at the same time.
    if (this.#isRunning) return
    this.#isRunning = true
    const look = { connections: this.#connections[Symbol.iterator](), now: this.now, late: this.#late }
    this.#late = 0
    // After a stall of the event loop, timers run before sockets are read. Wait one turn, so that data that has already
    // arrived is read first.
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
