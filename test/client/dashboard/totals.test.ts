import { expect, test } from 'vitest'
import { addUp } from '../../../client/dashboard/totals.ts'
import type { Figures } from '../../../server/dashboard/contract.ts'

const one: Figures = {
  at: 1_000,
  connections: { websocket: 1, longpoll: 2 },
  messages: { in: 3, out: 4 },
  bytes: { in: 5, out: 6 },
  latency: { mean: 1, p99: 9 },
  loopDelay: { mean: 1, max: 2 },
  memory: { rss: 10, heap: 5 },
  slowConsumers: 1,
  refusedJoins: [{ reason: 'unauthorized', count: 1 }],
  presences: [{ name: 'room:*', size: 2 }],
  workers: [{ id: 'w', status: 'running', restarts: 0 }],
}

test('the figures of all nodes are added up, and of durations the longest is taken', () => {
  const two: Figures = {
    ...one,
    at: 2_000,
    latency: { mean: 2, p99: 3 },
    refusedJoins: [
      { reason: 'unauthorized', count: 2 },
      { reason: 'full', count: 3 },
    ],
  }
  expect(addUp([one, two])).toEqual({
    at: 2_000,
    connections: { websocket: 2, longpoll: 4 },
    messages: { in: 6, out: 8 },
    bytes: { in: 10, out: 12 },
    latency: { mean: 2, p99: 9 },
    loopDelay: { mean: 1, max: 2 },
    memory: { rss: 20, heap: 10 },
    slowConsumers: 2,
    refusedJoins: [
      { reason: 'unauthorized', count: 3 },
      { reason: 'full', count: 3 },
    ],
    presences: [{ name: 'room:*', size: 4 }],
    workers: [],
  })
})

test('a node without handlers has no latency, and without nodes there are no figures', () => {
  expect(addUp([{ ...one, latency: null }, one])?.latency).toEqual({ mean: 1, p99: 9 })
  expect(addUp([])).toBeNull()
})
