/** A topic and the number of channels that have joined it. */
export type TopicCount = { readonly topic: string; readonly count: number }

/** An order of topics: negative if `a` comes first. */
export type TopicOrder = (a: TopicCount, b: TopicCount) => number

/** By name. */
export const byName: TopicOrder = (a, b) => (a.topic < b.topic ? -1 : 1)

/** Topics with most members first, then by name. */
export const byCount: TopicOrder = (a, b) => b.count - a.count || byName(a, b)

/** Keeps the first topics in an order. It sorts portions: a topic behind the last one kept costs one comparison. */
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

  /** The first topics, in order. */
  list(): readonly TopicCount[] {
    this.#kept = this.#kept.sort(this.#order).slice(0, this.#size)
    return this.#kept
  }
}
