/** Value at a time. `at` is in milliseconds. */
export type Point = { readonly at: number; readonly value: number }

/** Growth of a value along a straight line, relative to the value at the beginning of the line: 0.01 is 1 %. */
export type Growth = { readonly perMinute: number; readonly inTotal: number }

/** Compute the growth in the last two thirds of the time, along the line that fits best (least squares). */
export function growthOf(points: readonly Point[]): Growth {
  const [first, last] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 0]
  const from = first + (last - first) / 3
  const late = points.filter(({ at }) => at >= from)
  const [at, value] = [mean(late.map((point) => point.at)), mean(late.map((point) => point.value))]
  const spread = late.reduce((sum, point) => sum + (point.at - at) ** 2, 0)
  if (spread === 0) return { perMinute: 0, inTotal: 0 }
  const slope = late.reduce((sum, point) => sum + (point.at - at) * (point.value - value), 0) / spread
  const begin = late[0]?.at ?? from
  const atBegin = value + slope * (begin - at)
  return { perMinute: (slope * 60_000) / atBegin, inTotal: (slope * (last - begin)) / atBegin }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
