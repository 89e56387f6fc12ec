/**
 * Median; NaN for no values.
 * @param {readonly number[]} values
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/**
 * Quantiles of one sample, in the order of `shares`; NaN for no values.
 * @param {readonly number[]} values
 * @param {readonly number[]} shares from 0 to 1
 */
export function quantiles(values, shares) {
  const sorted = Float64Array.from(values).sort()
  return shares.map(
    (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN,
  )
}

/**
 * Divides one server's figure by another's in each round, and returns the median of these ratios. Figures of
 * different rounds cannot be compared: the machine drifts by tens of per cent in an hour, but hardly within a round.
 * @param {readonly number[]} figures
 * @param {readonly number[]} others one per figure
 */
export function pairedRatio(figures, others) {
  const ratios = figures.map((figure, round) => figure / (others[round] ?? Number.NaN))
  return median(ratios.filter(Number.isFinite))
}
