import { expect, test } from 'vitest'

interface Stats {
  median(values: readonly number[]): number
  quantiles(values: readonly number[], shares: readonly number[]): number[]
  pairedRatio(figures: readonly number[], others: readonly number[]): number
}

// The benchmark is plain JavaScript, which the compiler does not look into from here: the address is not a literal.
const file = new URL('../../bench/stats.mjs', import.meta.url).href
const { median, quantiles, pairedRatio } = (await import(file)) as Stats

test('takes the middle value, or the mean of the two middle values', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([])).toBeNaN()
})

test('returns quantiles in the requested order and does not change the sample', () => {
  const sample = [5, 4, 3, 2, 1]
  expect(quantiles(sample, [0.99, 0.5, 0])).toEqual([5, 3, 1])
  expect(sample).toEqual([5, 4, 3, 2, 1])
})

test('compares values within a round, so that a drift of both cancels out', () => {
  expect(pairedRatio([2, 20, 200], [1, 10, 100])).toBe(2)
})

test('leaves out rounds in which one of the two values is missing', () => {
  expect(pairedRatio([2, Number.NaN, 6], [1, 1, 2])).toBe(2.5)
})
