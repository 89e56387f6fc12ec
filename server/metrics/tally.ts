import type { Labels, Sample } from './metric.ts'

const SEPARATOR = '\0'

/** Counters by labels, for rare events. Each label must have a fixed set of values. */
export class Tally {
  readonly #names: readonly string[]
  readonly #counts: Map<string, { readonly labels: Labels; value: number }>

  constructor(...names: readonly string[]) {
    this.#names = names
    this.#counts = new Map()
  }

  /** Count one event. `values` are the values of the labels, in the order of the label names. */
  add(...values: readonly (string | number)[]): void {
    const key = values.join(SEPARATOR)
    const known = this.#counts.get(key)
    if (known !== undefined) {
      known.value += 1
      return
    }
    const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? '']))
    this.#counts.set(key, { labels, value: 1 })
  }

  /** Returns the samples of all counters. A tally without labels always has one sample, which starts at 0. */
  *[Symbol.iterator](): Generator<Sample> {
    if (this.#names.length === 0 && this.#counts.size === 0) yield { labels: {}, value: 0 }
    yield* this.#counts.values()
  }
}
