/** Lets the requests of each session in one at a time, in the order in which they came (LONGPOLL-7). */
export class Turns {
  readonly #maxWaiting: number
  /** Of each session of which a request has its turn: what tells the others that theirs has come. */
  readonly #waiting: Map<string, Set<(isTurn: boolean) => void>>

  /** @param maxWaiting how many requests of one session may wait. */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
    this.#waiting = new Map()
  }

  /** True if no further request of this session may wait. */
  isFull(sessionId: string): boolean {
    const waiting = this.#waiting.get(sessionId)
    return waiting !== undefined && waiting.size >= this.#maxWaiting
  }

  /** Wait for the turn, which ends with `release`; false if the signal aborts before it has come. */
  async take(sessionId: string, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    const waiting = this.#waiting.get(sessionId)
    if (waiting === undefined) {
      this.#waiting.set(sessionId, new Set())
      return true
    }
    return new Promise((resolve) => {
      waiting.add(resolve)
      const leave = () => {
        if (waiting.delete(resolve)) resolve(false)
      }
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** End the turn of a request: the next one has it. */
  release(sessionId: string): void {
    const waiting = this.#waiting.get(sessionId)
    const [next] = waiting ?? []
    if (next === undefined) return void this.#waiting.delete(sessionId)
    waiting?.delete(next)
    next(true)
  }
}
