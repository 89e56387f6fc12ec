import { expect, test, vi } from 'vitest'
import { Question } from '../../../server/redis/question.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

function ask(timeoutMs = 1_000): Question {
  useFakeTimers()
  return new Question(timeoutMs)
}

test('ends when all receivers have answered, whether the number of receivers or the answers arrive first', async () => {
  const question = ask()
  question.take('a')
  expect(question.isOver).toBe(false)
  question.expect(2)
  expect(question.isOver).toBe(false)
  question.take('b')
  expect(await question.answers).toEqual(['a', 'b'])
  expect(vi.getTimerCount()).toBe(0)
})

test('ends at once without receivers', async () => {
  const question = ask()
  question.expect(0)
  expect(await question.answers).toEqual([])
})

test('counts undefined as received, but not as an answer', async () => {
  const question = ask()
  question.expect(2)
  question.take(undefined)
  question.take(null)
  expect(await question.answers).toEqual([null])
})

test('ends at the timeout with the answers so far', async () => {
  const question = ask()
  question.expect(2)
  question.take('a')
  vi.advanceTimersByTime(999)
  expect(question.isOver).toBe(false)
  vi.advanceTimersByTime(1)
  expect(await question.answers).toEqual(['a'])
})

test('can be ended early', async () => {
  const question = ask()
  question.end()
  question.take('late')
  expect(question.isOver).toBe(true)
  expect(vi.getTimerCount()).toBe(0)
})
