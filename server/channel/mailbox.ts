// Minimum number of removed items before the array is compacted.
const COMPACT_AT = 64

/** FIFO queue of items that wait for a channel. */
export class Mailbox<T> {
  #items: (T | undefined)[]
  #head: number

  constructor() {
    this.#items = []
    this.#head = 0
  }

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Remove and return the oldest item; undefined when empty. */
  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
