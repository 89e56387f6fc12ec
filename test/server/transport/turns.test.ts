import { expect, test } from 'vitest'
import { Turns } from '../../../server/transport/turns.ts'

const { signal } = new AbortController()

test('the first gets its turn at once, the others in the order of arrival', async () => {
  const turns = new Turns(2)
  const order: number[] = []
  expect(await turns.take('a', signal)).toBe(true)
  const waiting = [1, 2].map((n) => turns.take('a', signal).then(() => order.push(n)))
  turns.release('a')
  await waiting[0]
  expect(order).toEqual([1])
  turns.release('a')
  await waiting[1]
  expect(order).toEqual([1, 2])
})

test('the number that waits in each session is limited', async () => {
  const turns = new Turns(1)
  await turns.take('a', signal)
  expect(turns.isFull('a')).toBe(false)
  const waiting = turns.take('a', signal)
  expect(turns.isFull('a')).toBe(true)
  expect(turns.isFull('b')).toBe(false)
  turns.release('a')
  await waiting
  expect(turns.isFull('a')).toBe(false)
})

test('a waiter that is given up gets no turn, and does not delay others', async () => {
  const turns = new Turns(2)
  const given = new AbortController()
  await turns.take('a', signal)
  const waiting = [turns.take('a', given.signal), turns.take('a', signal)]
  given.abort()
  expect(await waiting[0]).toBe(false)
  expect(await turns.take('a', given.signal)).toBe(false)
  turns.release('a')
  expect(await waiting[1]).toBe(true)
})
