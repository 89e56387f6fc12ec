/** An exit counts as early if the process has run for less than this number of milliseconds. */
const STABLE_MS = 5_000
const FIRST_WAIT_MS = 100

/** Maximum number of consecutive early exits. After one more early exit, no process is restarted. */
export const MAX_IN_A_ROW = 5

/** Delay before an exited process is replaced. The delay slows down a crash loop. */
export class Backoff {
  #inARow = 0

  /**
   * Return the milliseconds to wait; null after too many consecutive early exits. `livedMs` is the lifetime of the
   * process.
   */
  next(livedMs: number): number | null {
    if (livedMs >= STABLE_MS) {
      this.#inARow = 0
      return 0
    }
    this.#inARow += 1
    return this.#inARow > MAX_IN_A_ROW ? null : FIRST_WAIT_MS * 2 ** (this.#inARow - 1)
  }
}
