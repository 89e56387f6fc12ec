import { open } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Sweep } from '../../../server/limits/sweep.ts'
import { MemoryTransport } from '../../../server/testing/memory-transport.ts'

/** A connection that counts how often it was looked at. */
class Swept extends MemoryTransport {
  readonly looks: number[] = []

  override sweep(now?: number): void {
    if (now !== undefined) this.looks.push(now)
  }
}

const connections = (count: number) =>
  Array.from({ length: count }, () => ({ transport: new Swept(), credentials: null }))
const looked = (all: { transport: Swept }[]) =>
  all.filter(({ transport }) => transport.looks.length > 0).length

beforeEach(() =>
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'performance'] }),
)
afterEach(() => vi.useRealTimers())

test('sweeps every connection once per interval, with the time', () => {
  const all = connections(3)
  const sweep = new Sweep(all, 1_000)
  vi.advanceTimersByTime(999)
  expect(looked(all)).toBe(0)
  vi.advanceTimersByTime(1)
  expect(all.map(({ transport }) => transport.looks.length)).toEqual([1, 1, 1])
  vi.advanceTimersByTime(1_000)
  const [first = 0, second = 0] = all[0]?.transport.looks ?? []
  expect(second - first).toBe(1_000)
  sweep.stop()
})

test('yields to the event loop after every 2,000 connections', () => {
  const all = connections(4_500)
  const sweep = new Sweep(all, 1_000)
  const seen: number[] = []
  vi.advanceTimersByTime(1_000 - 1)
  vi.advanceTimersToNextTimer()
  for (let slice = 0; slice < 3; slice++) {
    seen.push(looked(all))
    vi.advanceTimersToNextTimer()
  }
  expect(seen).toEqual([2_000, 4_000, 4_500])
  sweep.stop()
})

test('does not start a second run while one is running', () => {
  const all = connections(4_500)
  // Without turns of the event loop the first sweep stays at its first slice.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  const sweep = new Sweep(all, 10)
  vi.advanceTimersByTime(50)
  expect([looked(all), all[0]?.transport.looks.length]).toEqual([2_000, 1])
  sweep.stop()
})

test('sweeps nothing after stop', () => {
  const all = connections(1)
  const sweep = new Sweep(all, 1_000)
  sweep.stop()
  vi.advanceTimersByTime(5_000)
  expect(looked(all)).toBe(0)
})

test('connections may open and close during a sweep', () => {
  const all = new Set(connections(3))
  const [first, second, third] = all
  const late = { transport: new Swept(), credentials: null }
  if (first !== undefined && second !== undefined) {
    first.transport.sweep = () => {
      all.delete(first)
      all.delete(second)
      all.add(late)
    }
  }
  const sweep = new Sweep(all, 1_000)
  vi.advanceTimersByTime(1_000)
  expect([second, third, late].map((one) => one?.transport.looks.length)).toEqual([0, 1, 1])
  sweep.stop()
})

test('sweeps other objects once per interval, with the time', () => {
  const looks: number[] = []
  const others = new Set([{ sweep: (now: number) => void looks.push(now) }])
  const sweep = new Sweep([], 1_000, others)
  const start = sweep.now
  vi.advanceTimersByTime(2_500)
  expect(looks).toEqual([start + 1_000, start + 2_000])
  expect(sweep.now).toBe(start + 2_000)
  others.clear()
  vi.advanceTimersByTime(1_000)
  expect(looks).toHaveLength(2)
  sweep.stop()
})

test("passes the loop's delay to connections, after sockets were read", async () => {
  vi.useRealTimers()
  const [one] = connections(1)
  const lates: number[] = []
  const order: string[] = []
  if (one === undefined) return
  const looked = new Promise<void>((resolve) => {
    one.transport.sweep = (_now?: number, late?: number) => {
      lates.push(late ?? 0)
      if (lates.length === 1) order.push('looked')
      if (lates.length === 3) resolve()
    }
  })
  const sweep = new Sweep([one], 20)
  const file = open(import.meta.filename).then((handle) => {
    order.push('read')
    return handle.close()
  })
  const end = performance.now() + 200
  while (performance.now() < end);
  await Promise.all([looked, file])
  sweep.stop()
  expect(order).toEqual(['read', 'looked'])
  expect(lates[0]).toBeGreaterThan(170)
  expect(lates.reduce((sum, late) => sum + late)).toBeLessThan(performance.now() - end + 200)
})
