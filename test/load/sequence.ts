/** Checks numbered messages of one sender, as one listener hears them. */
export class Sequence {
  readonly #heard = new Set<number>()
  #highest = -1

  /** The highest number so far; -1 before the first. */
  get highest(): number {
    return this.#highest
  }

  /** The fault that hearing `n` now is; null if it is none. */
  hear(n: number): 'doubled' | 'misordered' | null {
    const fault = this.#heard.has(n) ? 'doubled' : n < this.#highest ? 'misordered' : null
    this.#heard.add(n)
    this.#highest = Math.max(this.#highest, n)
    return fault
  }

  has(n: number): boolean {
    return this.#heard.has(n)
  }
}
