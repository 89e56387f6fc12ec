import { expect, test, vi } from 'vitest'
import { ByteGate } from '../../../server/transport/byte-gate.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

/** A gate of 100 bytes, and which entrants it let in. */
function setUp() {
  useFakeTimers()
  const gate = new ByteGate(100)
  const inside: string[] = []
  const enter = async (name: string, bytes: number, ms = 1_000) => {
    const leave = await gate.enter(bytes, ms)
    inside.push(leave === null ? `not ${name}` : name)
    return leave
  }
  const settle = () => vi.advanceTimersByTimeAsync(0)
  return { inside, enter, settle }
}

test('bytes that do not fit wait in order; releasing bytes twice has no effect', async () => {
  const { inside, enter, settle } = setUp()
  const a = enter('a', 60)
  void enter('b', 50)
  void enter('c', 50)
  void enter('d', 10)
  await settle()
  expect(inside).toEqual(['a'])
  const leave = await a
  leave?.()
  leave?.()
  await settle()
  expect(inside).toEqual(['a', 'b', 'c'])
})

test('more bytes than the limit must be alone', async () => {
  const { inside, enter, settle } = setUp()
  const a = enter('a', 1)
  const b = enter('b', 1_000)
  void enter('c', 1)
  await settle()
  expect(inside).toEqual(['a'])
  ;(await a)?.()
  await settle()
  expect(inside).toEqual(['a', 'b'])
  ;(await b)?.()
  await settle()
  expect(inside).toEqual(['a', 'b', 'c'])
})

test('a waiter that gets no room in time is refused, and the waiters behind it continue', async () => {
  const { inside, enter, settle } = setUp()
  const a = enter('a', 60)
  void enter('b', 60, 500)
  void enter('c', 60, 200)
  void enter('d', 20)
  await settle()
  expect(inside).toEqual(['a'])
  await vi.advanceTimersByTimeAsync(500)
  expect(inside).toEqual(['a', 'not c', 'not b', 'd'])
  ;(await a)?.()
  void enter('e', 80)
  await settle()
  expect(inside).toEqual(['a', 'not c', 'not b', 'd', 'e'])
})
