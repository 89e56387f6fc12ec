import { expect, test, vi } from 'vitest'
import { Deferred } from '../../../server/transport/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

test('it can be settled from outside', async () => {
  useFakeTimers()
  const pending = new Deferred(50, 'late')
  expect(pending.isSettled).toBe(false)
  pending.settle('in time')
  expect(pending.isSettled).toBe(true)
  expect(await pending.promise).toBe('in time')
  expect(vi.getTimerCount()).toBe(0)
})

test('at its timeout it resolves with a given value, and not before', async () => {
  useFakeTimers()
  const pending = new Deferred(50, 'late')
  vi.advanceTimersByTime(49)
  expect(pending.isSettled).toBe(false)
  vi.advanceTimersByTime(1)
  expect(await pending.promise).toBe('late')
})

test('the first value counts', async () => {
  const pending = new Deferred(50, 'late')
  pending.settle('first')
  pending.settle('second')
  expect(await pending.promise).toBe('first')
})
