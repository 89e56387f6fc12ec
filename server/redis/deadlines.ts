/** Milliseconds by which a timer is late when the event loop is busy. */
const LATE_MS = 100

/** Things that all have the same time to happen, with one timer for them. */
export class Deadlines<T> {
  readonly #ms: number
  readonly #expired: (item: T) => void
  /** When each is due; the earliest comes first, as all have the same time. */
  readonly #due: Map<T, number>
  #timer: NodeJS.Timeout | null
  #firesAt: number
  #wasLate: boolean

  constructor(ms: number, expired: (item: T) => void) {
    this.#ms = ms
    this.#expired = expired
    this.#due = new Map()
    this.#timer = null
    this.#firesAt = 0
    this.#wasLate = false
  }

  /** Begin to wait for it, anew if it is waited for. */
  add(item: T): void {
    this.#due.delete(item)
    this.#due.set(item, performance.now() + this.#ms)
    if (this.#timer === null) this.#wait(this.#ms)
  }

  /** It has happened, or is of no interest any more. */
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
    // This process was busy: what has come meanwhile is not read yet. Once it has had time to be, no more is given.
    this.#wasLate = late > LATE_MS && !this.#wasLate
    if (this.#wasLate) for (const [item, due] of this.#due) this.#due.set(item, due + late + this.#ms)
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
