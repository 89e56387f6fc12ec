/** Maximum number of stored answers. A limit is needed, because clients choose the keys. */
const MAX_ANSWERS = 1_000

/** Cache of answers by key. Each answer is computed once per period and shared by all callers. */
export class SharedAnswers<T> {
  readonly #periodMs: number
  readonly #answers: Map<string, T>
  #since: number

  /** @param periodMs maximum time in milliseconds for which an answer is reused */
  constructor(periodMs: number) {
    this.#periodMs = periodMs
    this.#answers = new Map()
    this.#since = 0
  }

  /** Return the answer for `key` in the current period. The first call in a period computes the answer with `make`. */
  get(key: string, make: () => T): T {
    const now = performance.now()
    if (now - this.#since >= this.#periodMs) {
      this.#answers.clear()
      this.#since = now
    }
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear()
    const made = make()
    this.#answers.set(key, made)
    return made
  }
}
