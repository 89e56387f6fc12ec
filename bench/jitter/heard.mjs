/**
 * Messages that one client heard. They are numbered from 1, in the order in which they were published; lower numbers
 * only find out whether a client has joined.
 */
export class Heard {
  /** @type {number[]} */
  #numbers = []
  /** Counts of messages at the times of gaps. @type {number[]} */
  #gaps = []
  /** @type {number[]} milliseconds from the first attempt to publish until the message was heard first */
  delays = []
  hasAny = false
  doubled = 0
  misordered = 0

  /** @param {{ n: number, at: number }} message */
  hear({ n, at }) {
    this.hasAny = true
    if (n < 1) return
    this.delays.push(performance.now() - at)
    if (this.#numbers.includes(n)) this.doubled += 1
    else if (n < Math.max(...this.#numbers)) this.misordered += 1
    this.#numbers.push(n)
  }

  /** The server said that messages are missing here. */
  gap() {
    this.#gaps.push(this.#numbers.length)
  }

  /** Number of different messages that were heard. */
  get size() {
    return new Set(this.#numbers).size
  }

  get gaps() {
    return this.#gaps.length
  }

  /** @param {number} n */
  has(n) {
    return this.#numbers.includes(n)
  }

  /** Number of messages that are missing in a place where no gap was reported. @param {number} published */
  silentlyLost(published) {
    const bounds = this.#gaps.map((at) => [this.#numbers[at - 1] ?? 0, this.#numbers[at] ?? published + 1])
    const all = Array.from({ length: published }, (_, index) => index + 1)
    return all.filter((n) => !this.has(n) && !bounds.some(([from, to]) => from < n && n < to)).length
  }
}
