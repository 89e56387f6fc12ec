import { beforeEach, expect, test, vi } from 'vitest'
import { type DrainRound, drain, drainerDefaults } from '../../../server/limits/drainer.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

type Settling = Set<PromiseLike<unknown>>

beforeEach(useFakeTimers)

/** A drain of five connections that has begun: when each was closed, in which rounds, and when it is over, in ms. */
function begin(options: Partial<typeof drainerDefaults>, settling: Settling = new Set()) {
  const started = performance.now()
  const now = () => performance.now() - started
  const times: number[] = []
  const rounds: DrainRound[] = []
  const close = (batch: readonly number[], round: DrainRound) => {
    times.push(...batch.map(now))
    rounds.push(round)
  }
  const over = drain([1, 2, 3, 4, 5], close, { ...drainerDefaults, ...options }, settling).then(now)
  return { times, rounds, over }
}

test('has the defaults of Phoenix', () => {
  expect(drainerDefaults).toEqual({ batchSize: 10_000, batchInterval: 2_000, shutdown: 30_000 })
})

test('closes the first batch at once, and ends when all are closed and nothing is pending', async () => {
  const { times, over } = begin({})
  expect(times).toHaveLength(5)
  expect(await over).toBe(0)
})

test('closes one batch per interval, without an interval after the last (DRAIN-2)', async () => {
  const { times, over } = begin({ batchSize: 2, batchInterval: 400 })
  await vi.advanceTimersByTimeAsync(800)
  expect(await over).toBe(800)
  expect(times).toEqual([0, 0, 400, 400, 800])
})

test('passes the number of the batch (TELEMETRY-1)', async () => {
  const { rounds, over } = begin({ batchSize: 3, batchInterval: 1 })
  await vi.advanceTimersByTimeAsync(1)
  await over
  expect(rounds).toEqual([
    { count: 3, total: 5, index: 0, rounds: 2 },
    { count: 2, total: 5, index: 1, rounds: 2 },
  ])
})

test('closes the remaining connections at once after `shutdown` (DRAIN-3)', async () => {
  const { times, over } = begin({ batchSize: 1, batchInterval: 60_000, shutdown: 50 })
  expect(times).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(50)
  expect(await over).toBe(50)
  expect(times).toHaveLength(5)
})

test('ends when all pending work has settled, including work that was added in the meantime (DRAIN-4)', async () => {
  const [handler, terminate] = [new Deferred(), new Deferred()]
  const settling: Settling = new Set([handler.promise])
  const { over } = begin({}, settling)
  settling.add(terminate.promise)
  settling.delete(handler.promise)
  handler.resolve()
  const first = await Promise.race([
    over.then(() => 'over'),
    vi.advanceTimersByTimeAsync(0).then(() => 'waits'),
  ])
  expect(first).toBe('waits')
  settling.delete(terminate.promise)
  terminate.reject(new Error('a rejection settles it too'))
  expect(await over).toBe(0)
})

test('ends after `shutdown`, even with pending work (DRAIN-4)', async () => {
  const { over } = begin({ shutdown: 50 }, new Set([new Deferred().promise]))
  await vi.advanceTimersByTimeAsync(50)
  expect(await over).toBe(50)
})
