import { expect, test } from 'vitest'
import { LongPollQueue } from '../../../server/transport/longpoll-queue.ts'

function queueOf(...messages: string[]): LongPollQueue {
  const queue = new LongPollQueue()
  for (const message of messages) queue.push(message)
  return queue
}

test('a batch has all waiting frames, in order', () => {
  const queue = queueOf('a', 'bc')
  expect([queue.waiting, queue.size]).toEqual([2, 3])
  expect(queue.take()).toEqual({ number: 1, messages: ['a', 'bc'] })
  expect([queue.waiting, queue.size]).toEqual([0, 3])
})

test('a batch that is not confirmed is the beginning of the next batch', () => {
  const queue = queueOf('a')
  queue.take()
  queue.push('b')
  expect(queue.take()).toEqual({ number: 2, messages: ['a', 'b'] })
  expect([queue.isLatest(1), queue.isLatest(2)]).toEqual([false, true])
})

test('confirmed frames do not count, and are not sent again', () => {
  const queue = queueOf('a')
  queue.take()
  queue.push('bc')
  queue.forget()
  expect(queue.size).toBe(2)
  expect(queue.take().messages).toEqual(['bc'])
})

test('frames that are in no batch can be cleared; the batch stays', () => {
  const queue = queueOf('a')
  queue.take()
  queue.push('b')
  queue.clear()
  expect([queue.waiting, queue.size]).toEqual([0, 1])
  expect(queue.take().messages).toEqual(['a'])
})
