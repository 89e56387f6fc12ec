/** Mutex per session. The POSTs of a session are handled one at a time, in the order of their arrival (LONGPOLL-7). */
export class Turns {
  readonly #maxWaiting: number
  /** For each session with a running request, the functions that start its waiting requests. */
  readonly #waiting: Map<string, Set<(isTurn: boolean) => void>>

  /** @param maxWaiting maximum number of waiting requests per session. */
  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
    this.#waiting = new Map()
  }

  /** Whether this session has the maximum number of waiting requests. */
  isFull(sessionId: string): boolean {
    const waiting = this.#waiting.get(sessionId)
    return waiting !== undefined && waiting.size >= this.#maxWaiting
  }

  /** Wait for a request's turn, which `release` ends. Resolves with false if `signal` aborts before the turn. */
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

  /** End the turn of the session's running request, and start the next request. */
  release(sessionId: string): void {
    const waiting = this.#waiting.get(sessionId)
    const [next] = waiting ?? []
    if (next === undefined) return void this.#waiting.delete(sessionId)
    waiting?.delete(next)
    next(true)
  }
}
