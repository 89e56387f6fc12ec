/** Data of a Prometheus histogram for one set of labels. */
export class Buckets {
  /** Upper bounds of all buckets except the last, ascending. The last bucket has no upper bound. */
  readonly bounds: readonly number[]
  /** Number of values in each bucket, not cumulative. */
  readonly counts: number[]
  sum: number

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array(bounds.length + 1).fill(0)
    this.sum = 0
  }

  /** Count a value. The search is linear, because most values belong to one of the first buckets. */
  observe(value: number): void {
    const { bounds, counts } = this
    let index = 0
    while (index < bounds.length && value > (bounds[index] as number)) index++
    counts[index] = (counts[index] as number) + 1
    this.sum += value
  }
}
