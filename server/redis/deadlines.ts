/** Things that all have the same time to happen, with one timer for them. */
export class Deadlines<T> {
  readonly #ms: number
  readonly #expired: (item: T) => void
  /** When each is due; the earliest comes first, as all have the same time. */
  readonly #due: Map<T, number>
  #timer: NodeJS.Timeout | null

  constructor(ms: number, expired: (item: T) => void) {
    this.#ms = ms
    this.#expired = expired
    this.#due = new Map()
    this.#timer = null
  }

  /** Begin to wait for it, anew if it is waited for. */
  add(item: T): void {
    this.#due.delete(item)
    this.#due.set(item, performance.now() + this.#ms)
    this.#timer ??= setTimeout(() => this.#expire(), this.#ms)
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
    for (const [item, due] of this.#due) {
      const left = due - performance.now()
      // A timer may fire up to a millisecond early.
      if (left >= 1) {
        this.#timer ??= setTimeout(() => this.#expire(), left)
        return
      }
      this.#due.delete(item)
      this.#expired(item)
    }
  }
}
