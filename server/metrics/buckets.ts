/** Counts values by size, as a Prometheus histogram does, without its labels: one for each set of them. */
export class Buckets {
  /** The largest value of each bucket but the last, which has no limit; ascending. */
  readonly bounds: readonly number[]
  /** How many values there are in each bucket alone. */
  readonly counts: number[]
  sum: number

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array(bounds.length + 1).fill(0)
    this.sum = 0
  }

  /** Count a value. Most are small, so that the search ends soon. */
  observe(value: number): void {
    const { bounds, counts } = this
    let index = 0
    while (index < bounds.length && value > (bounds[index] as number)) index++
    counts[index] = (counts[index] as number) + 1
    this.sum += value
  }
}
