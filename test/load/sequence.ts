/** Checks the numbered messages of one sender that one listener receives. */
export class Sequence {
  readonly #heard = new Set<number>()
  #highest = -1

  /** Highest received number; -1 before the first. */
  get highest(): number {
    return this.#highest
  }

  /** Record the receipt of number `n`. Returns the fault that this is; null if it is none. */
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
