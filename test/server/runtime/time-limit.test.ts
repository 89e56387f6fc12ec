import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { withTimeLimit } from '../../../server/runtime/time-limit.ts'

const forever = new Promise<never>(() => {})

beforeEach(() => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
})

test('resolves with the value of the promise, and leaves no timer', async () => {
  await expect(withTimeLimit(1_000, Promise.resolve('value'), 'late')).resolves.toBe('value')
  expect(vi.getTimerCount()).toBe(0)
})

test('rejects if the promise does, and leaves no timer', async () => {
  await expect(withTimeLimit(1_000, Promise.reject(new Error('lost')), 'late')).rejects.toThrow('lost')
  expect(vi.getTimerCount()).toBe(0)
})

test('resolves with the given value at the limit, and not before', async () => {
  const settled = vi.fn()
  void withTimeLimit(1_000, forever, 'late').then(settled)
  await vi.advanceTimersByTimeAsync(999)
  expect(settled).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(settled).toHaveBeenCalledExactlyOnceWith('late')
})

test('Infinity means no limit', async () => {
  const settled = vi.fn()
  void withTimeLimit(Number.POSITIVE_INFINITY, forever, 'late').then(settled)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(settled).not.toHaveBeenCalled()
})
