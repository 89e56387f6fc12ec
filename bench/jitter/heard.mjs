/**
 * Messages that one client received. They are numbered from 1 in the order of publication. Messages with lower numbers
 * only test whether a client has joined.
 */
export class Heard {
  /** @type {number[]} */
  #numbers = []
  /** For each gap, the number of messages received before. @type {number[]} */
  #gaps = []
  /** @type {number[]} milliseconds from the first attempt to publish a message until its receipt */
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

  /** Records that the server reported missing messages at this point. */
  gap() {
    this.#gaps.push(this.#numbers.length)
  }

  /** Number of different messages that were received. */
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

  /** Number of missing messages for which the server reported no gap. @param {number} published */
  silentlyLost(published) {
    const bounds = this.#gaps.map((at) => [this.#numbers[at - 1] ?? 0, this.#numbers[at] ?? published + 1])
    const all = Array.from({ length: published }, (_, index) => index + 1)
    return all.filter((n) => !this.has(n) && !bounds.some(([from, to]) => from < n && n < to)).length
  }
}
