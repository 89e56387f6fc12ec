/** Delay in milliseconds above which a timer counts as late. A late timer shows that the process was busy. */
const LATE_MS = 100

/** Items that share the same timeout, served by one timer. */
export class Deadlines<T> {
  readonly #ms: number
  readonly #expired: (item: T) => void
  /** Deadline of each item. The earliest deadline is first, except after an extension of deadlines (see `#expire`). */
  readonly #due: Map<T, number>
  #timer: NodeJS.Timeout | null
  #firesAt: number
  #wasLate: boolean
  #isExpiring: boolean

  constructor(ms: number, expired: (item: T) => void) {
    this.#ms = ms
    this.#expired = expired
    this.#due = new Map()
    this.#timer = null
    this.#firesAt = 0
    this.#wasLate = false
    this.#isExpiring = false
  }

  /** Start the timeout of an item, or restart it. */
  add(item: T): void {
    this.#due.delete(item)
    this.#due.set(item, performance.now() + this.#ms)
    if (this.#timer === null && !this.#isExpiring) this.#wait(this.#ms)
  }

  /** Cancel the timeout of an item. */
  delete(item: T): void {
    this.#due.delete(item)
  }

  clear(): void {
    this.#due.clear()
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #expire(): void {
    this.#timer = null
    const late = performance.now() - this.#firesAt
    // If the timer is late, the process was busy, and may not yet have read the data that the items wait for.
    // Extend all deadlines, but not twice in a row.
    this.#wasLate = late > LATE_MS && !this.#wasLate
    if (this.#wasLate) for (const [item, due] of this.#due) this.#due.set(item, due + late + this.#ms)
    this.#isExpiring = true
    try {
      this.#expireDue()
    } finally {
      this.#isExpiring = false
    }
  }

  #expireDue(): void {
    for (const [item, due] of this.#due) {
      const left = due - performance.now()
      // A timer may fire up to a millisecond early.
      if (left >= 1) {
        if (this.#timer === null) this.#wait(left)
        return
      }
      this.#due.delete(item)
      this.#expired(item)
    }
  }

  #wait(ms: number): void {
    this.#firesAt = performance.now() + ms
    this.#timer = setTimeout(() => this.#expire(), ms)
  }
}
