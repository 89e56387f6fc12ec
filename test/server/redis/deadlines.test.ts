import { beforeEach, expect, test, vi } from 'vitest'
import { Deadlines } from '../../../server/redis/deadlines.ts'

beforeEach(() => {
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})

test('each item expires after its own time, in order, with one timer', () => {
  const expired: string[] = []
  const deadlines = new Deadlines<string>(100, (item) => expired.push(item))
  deadlines.add('a')
  vi.advanceTimersByTime(60)
  deadlines.add('b')
  deadlines.add('c')
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(40)
  expect(expired).toEqual(['a'])
  vi.advanceTimersByTime(60)
  expect(expired).toEqual(['a', 'b', 'c'])
  expect(vi.getTimerCount()).toBe(0)
})

test('a deleted item does not expire, and adding an item again restarts its timeout', () => {
  const expired: string[] = []
  const deadlines = new Deadlines<string>(100, (item) => expired.push(item))
  deadlines.add('a')
  deadlines.add('b')
  deadlines.delete('a')
  vi.advanceTimersByTime(99)
  deadlines.add('b')
  vi.advanceTimersByTime(99)
  expect(expired).toEqual([])
  vi.advanceTimersByTime(1)
  expect(expired).toEqual(['b'])
})

test('an item may be added while another expires', () => {
  const expired: string[] = []
  const deadlines: Deadlines<string> = new Deadlines(100, (item) => {
    expired.push(item)
    if (item === 'a') deadlines.add('b')
  })
  deadlines.add('a')
  vi.advanceTimersByTime(100)
  expect(expired).toEqual(['a'])
  vi.advanceTimersByTime(100)
  expect(expired).toEqual(['a', 'b'])
})

test('an item that is added while another expires does not delay the others', () => {
  const expired: string[] = []
  const deadlines: Deadlines<string> = new Deadlines(100, (item) => {
    expired.push(item)
    if (item === 'a') deadlines.add('new')
  })
  deadlines.add('a')
  vi.advanceTimersByTime(10)
  deadlines.add('b')
  vi.advanceTimersByTime(90)
  expect(expired).toEqual(['a'])
  vi.advanceTimersByTime(10)
  expect(expired).toEqual(['a', 'b'])
  vi.advanceTimersByTime(90)
  expect(expired).toEqual(['a', 'b', 'new'])
})

test('nothing expires, and no timer is left, after clear', () => {
  const expired: string[] = []
  const deadlines = new Deadlines<string>(100, (item) => expired.push(item))
  deadlines.add('a')
  deadlines.clear()
  vi.advanceTimersByTime(200)
  expect([expired, vi.getTimerCount()]).toEqual([[], 0])
})

test('after the event loop was blocked, received data is read before anything expires', async () => {
  vi.useRealTimers()
  const expired: string[] = []
  const deadlines = new Deadlines<string>(200, (item) => expired.push(item))
  deadlines.add('answered')
  deadlines.add('silent')
  const end = performance.now() + 400
  while (performance.now() < end);
  // After the timers that are due comes what can be read.
  await new Promise((resolve) => setTimeout(() => setImmediate(resolve), 0))
  deadlines.delete('answered')
  expect(expired).toEqual([])
  await vi.waitFor(() => expect(expired).toEqual(['silent']), { timeout: 10_000 })
})
