import { expect, test } from 'vitest'
import { Buckets } from '../../../server/metrics/buckets.ts'

test('a value is counted in the first bucket whose bound is not smaller', () => {
  const buckets = new Buckets([1, 10, 100])
  for (const value of [0, 1, 1.1, 10, 99, 100, 101, 1e9]) buckets.observe(value)
  expect(buckets.counts).toEqual([2, 2, 2, 2])
  expect(buckets.sum).toBe(0 + 1 + 1.1 + 10 + 99 + 100 + 101 + 1e9)
})
