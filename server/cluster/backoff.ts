/** Milliseconds after which the exit of a process does not count as early. */
const STABLE_MS = 5_000
const FIRST_WAIT_MS = 100

/** Number of early exits in a row after which restarting is given up. */
export const MAX_IN_A_ROW = 5

/** Backoff before a process that exited is replaced, so that a crash loop does not spin. */
export class Backoff {
  #inARow = 0

  /** Milliseconds to wait; null after too many early exits in a row. `livedMs` is the lifetime of the latest process. */
  next(livedMs: number): number | null {
    if (livedMs >= STABLE_MS) {
      this.#inARow = 0
      return 0
    }
    this.#inARow += 1
    return this.#inARow > MAX_IN_A_ROW ? null : FIRST_WAIT_MS * 2 ** (this.#inARow - 1)
  }
}
