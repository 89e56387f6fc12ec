/** Topic with the number of channels that have joined it. */
export type TopicCount = { readonly topic: string; readonly count: number }

/** Comparison of two topics. Returns a negative number if `a` comes first. */
export type TopicOrder = (a: TopicCount, b: TopicCount) => number

export const byName: TopicOrder = (a, b) => (a.topic < b.topic ? -1 : 1)

/** Order by number of members, the highest number first. Topics with the same number are ordered by name. */
export const byCount: TopicOrder = (a, b) => b.count - a.count || byName(a, b)

/** Collects topics. Sorts them by `order`, and keeps only the first `size` topics. */
export class FirstTopics {
  readonly #size: number
  readonly #order: TopicOrder
  #kept: TopicCount[]
  #last: TopicCount | null

  constructor(size: number, order: TopicOrder) {
    this.#size = size
    this.#order = order
    this.#kept = []
    this.#last = null
  }

  add(topic: TopicCount): void {
    if (this.#last !== null && this.#order(topic, this.#last) > 0) return
    this.#kept.push(topic)
    if (this.#kept.length >= 2 * this.#size) this.#last = this.list().at(-1) ?? null
  }

  /** Return the first topics, in order. */
  list(): readonly TopicCount[] {
    this.#kept = this.#kept.sort(this.#order).slice(0, this.#size)
    return this.#kept
  }
}
