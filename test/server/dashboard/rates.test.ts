import { expect, test } from 'vitest'
import { quantile, ratesOf } from '../../../server/dashboard/rates.ts'
import type { Totals } from '../../../server/dashboard/totals.ts'

const none: Totals = {
  messages: { in: 0, out: 0 },
  bytes: { in: 0, out: 0 },
  handlerSeconds: 0,
  handled: 0,
  handledWithin: new Map(),
}

test('a rate is the increase in one second', () => {
  const before = { ...none, messages: { in: 10, out: 100 }, bytes: { in: 1_000, out: 5_000 } }
  const after = { ...none, messages: { in: 16, out: 400 }, bytes: { in: 1_200, out: 6_000 } }
  expect(ratesOf(before, after, 2)).toEqual({
    messages: { in: 3, out: 150 },
    bytes: { in: 100, out: 500 },
    latency: null,
  })
})

test('latency is that of the handlers in the interval, in milliseconds', () => {
  const slow = new Map([
    [0.01, 0],
    [Number.POSITIVE_INFINITY, 100],
  ])
  const then = new Map([
    [0.01, 100],
    [Number.POSITIVE_INFINITY, 200],
  ])
  const before = { ...none, handled: 100, handlerSeconds: 500, handledWithin: slow }
  const after = { ...none, handled: 200, handlerSeconds: 500.2, handledWithin: then }
  const { latency } = ratesOf(before, after, 1)
  expect(latency?.mean).toBeCloseTo(2)
  expect(latency?.p99).toBeCloseTo(9.9)
})

test('a quantile is interpolated within its bucket', () => {
  const within: [number, number][] = [
    [1, 50],
    [2, 90],
    [4, 100],
  ]
  expect(quantile(0.25, within)).toBe(0.5)
  expect(quantile(0.5, within)).toBe(1)
  expect(quantile(0.7, within)).toBe(1.5)
  expect(quantile(0.95, within)).toBe(3)
})

test('for values above the last bound, the quantile is that bound', () => {
  expect(
    quantile(0.99, [
      [5, 10],
      [Number.POSITIVE_INFINITY, 100],
    ]),
  ).toBe(5)
})

test('bounds may come in any order, and without values the quantile is 0', () => {
  expect(
    quantile(0.5, [
      [2, 2],
      [1, 1],
    ]),
  ).toBe(1)
  expect(quantile(0.5, [])).toBe(0)
})
