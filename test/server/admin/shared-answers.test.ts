import { expect, onTestFinished, test, vi } from 'vitest'
import { SharedAnswers } from '../../../server/admin/shared-answers.ts'

function setUp() {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const shared = new SharedAnswers<number>(1_000)
  let count = 0
  return (key = 'a') => {
    count += 1
    return shared.get(key, () => count)
  }
}

test('within a period, all callers get one answer for a key', () => {
  const ask = setUp()
  expect([ask(), ask(), ask('b'), ask('b')]).toEqual([1, 1, 3, 3])
})

test('no answer is older than the period', () => {
  const ask = setUp()
  vi.advanceTimersByTime(5_000)
  ask()
  vi.advanceTimersByTime(999)
  expect(ask()).toBe(1)
  vi.advanceTimersByTime(1)
  expect(ask()).toBe(3)
})

test('at most 1,000 answers are kept', () => {
  const ask = setUp()
  ask()
  for (let n = 1; n < 1_000; n += 1) ask(String(n))
  expect(ask()).toBe(1)
  ask('one more')
  expect(ask()).not.toBe(1)
})
