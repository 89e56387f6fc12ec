import type { Figures } from './contract.ts'
import type { Totals } from './totals.ts'

/** Rates between two readings. */
export type Rates = Pick<Figures, 'messages' | 'bytes' | 'latency'>

/** Compute messages and bytes per second, and the duration of handlers. */
export function ratesOf(before: Totals, after: Totals, seconds: number): Rates {
  const perSecond = (key: 'messages' | 'bytes') => ({
    in: (after[key].in - before[key].in) / seconds,
    out: (after[key].out - before[key].out) / seconds,
  })
  return { messages: perSecond('messages'), bytes: perSecond('bytes'), latency: latencyOf(before, after) }
}

function latencyOf(before: Totals, after: Totals): Figures['latency'] {
  const count = after.handled - before.handled
  if (count === 0) return null
  const mean = ((after.handlerSeconds - before.handlerSeconds) / count) * 1_000
  const within = Array.from(after.handledWithin, ([bound, total]): [number, number] => [
    bound,
    total - (before.handledWithin.get(bound) ?? 0),
  ])
  return { mean, p99: quantile(0.99, within) * 1_000 }
}

/**
 * Compute a quantile, for example the 99th percentile if `part` is 0.99. `within` has the upper bound and the
 * cumulative count of each bucket. Like Prometheus, `quantile` assumes that the values of a bucket are spread evenly.
 * If the quantile is above all finite bounds, returns the highest finite bound.
 */
export function quantile(part: number, within: readonly (readonly [number, number])[]): number {
  const buckets = within.toSorted(([a], [b]) => a - b)
  const rank = part * (buckets.at(-1)?.[1] ?? 0)
  let [low, below] = [0, 0]
  for (const [bound, count] of buckets) {
    if (count >= rank && count > below) {
      return Number.isFinite(bound) ? low + ((bound - low) * (rank - below)) / (count - below) : low
    }
    ;[low, below] = [bound, count]
  }
  return low
}
