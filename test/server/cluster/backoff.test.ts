import { expect, test } from 'vitest'
import { Backoff } from '../../../server/cluster/backoff.ts'

test('replaces a worker at once if it has run for a while, however many exit', () => {
  const backoff = new Backoff()
  for (let n = 0; n < 100; n++) expect(backoff.next(5_000)).toBe(0)
})

test('waits longer and longer if workers exit early, and gives up after five in a row', () => {
  const backoff = new Backoff()
  const waits = Array.from({ length: 6 }, () => backoff.next(4_999))
  expect(waits).toEqual([100, 200, 400, 800, 1_600, null])
})

test('starts again from the beginning when a worker has run for a while', () => {
  const backoff = new Backoff()
  for (let n = 0; n < 5; n++) backoff.next(0)
  expect([backoff.next(60_000), backoff.next(0)]).toEqual([0, 100])
})
