/** A process that lived so long did not fail at once. */
const STABLE_MS = 5_000
const FIRST_WAIT_MS = 100

/** How many processes may fail at once, one after the other, before it is useless to go on. */
export const MAX_IN_A_ROW = 5

/** How long to wait before a process that ended is replaced, so that a crash loop does not spin. */
export class Backoff {
  #inARow = 0

  /** Milliseconds; null if too many in a row ended at once. `livedMs`: how long the latest has lived. */
  next(livedMs: number): number | null {
    if (livedMs >= STABLE_MS) {
      this.#inARow = 0
      return 0
    }
    this.#inARow += 1
    return this.#inARow > MAX_IN_A_ROW ? null : FIRST_WAIT_MS * 2 ** (this.#inARow - 1)
  }
}
