import { expect, test } from 'vitest'
import { History } from '../../../client/dashboard/history.ts'
import type { Figures } from '../../../server/dashboard/contract.ts'

function at(seconds: number): Figures {
  return {
    at: seconds * 1_000,
    connections: { websocket: 0, longpoll: 0 },
    messages: { in: 0, out: 0 },
    bytes: { in: 0, out: 0 },
    latency: null,
    loopDelay: { mean: 0, max: 0 },
    memory: { rss: 0, heap: 0 },
    slowConsumers: 0,
    refusedJoins: [],
    presences: [],
    workers: [],
  }
}

test('keeps the last five minutes', () => {
  const history = new History()
  for (let second = 0; second <= 400; second++) history.add(at(1_000 + second))
  expect([history.times[0], history.times.at(-1)]).toEqual([1_100, 1_400])
  expect(history.figures).toHaveLength(history.times.length)
})

test('a missing time is a gap, a late time is not', () => {
  const history = new History()
  for (const second of [1, 2, 5, 20]) history.add(at(second))
  expect(history.times).toEqual([1, 2, 5, 6, 20])
  expect(history.figures.map((figures) => figures === null)).toEqual([false, false, false, true, false])
})

test('starts again if the clock was set back', () => {
  const history = new History()
  for (const second of [10, 11, 3, 4]) history.add(at(second))
  expect(history.times).toEqual([3, 4])
})

test('shows one minute at first, and later everything that it has', () => {
  const history = new History()
  expect(history.window(500)).toEqual([440, 500])
  history.add(at(1_000))
  expect(history.window(2_000)).toEqual([940, 1_000])
  for (let second = 1_001; second <= 1_100; second++) history.add(at(second))
  expect(history.window(2_000)).toEqual([1_000, 1_100])
})
