/** If a process exits within this number of milliseconds after its start, its exit counts as early. */
export const STABLE_MS = 5_000
const FIRST_WAIT_MS = 100

/** Maximum number of early exits in a row (see `STABLE_MS`). Above the maximum, the primary process exits. */
export const MAX_IN_A_ROW = 5

/** Delay before an exited process is replaced. The delay slows down a crash loop. */
export class Backoff {
  #inARow = 0

  /**
   * Return the milliseconds to wait; null if more than `MAX_IN_A_ROW` processes in a row have exited early. `livedMs`
   * is the lifetime of the process.
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
