import { expect, test, vi } from 'vitest'
import { ByteGate } from '../../../server/transport/byte-gate.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

/** A gate of 100 bytes, and which entrants it let in. */
function setUp() {
  useFakeTimers()
  const gate = new ByteGate(100)
  const inside: string[] = []
  const enter = async (name: string, bytes: number, ms = 1_000) => {
    const [key = ''] = name
    const leave = await gate.enter(key, bytes, ms)
    inside.push(leave === null ? `not ${name}` : name)
    return leave
  }
  const settle = () => vi.advanceTimersByTimeAsync(0)
  return { inside, enter, settle }
}

test('a key may use a quarter; other keys overtake those that wait for their own quarter', async () => {
  const { inside, enter, settle } = setUp()
  const a1 = enter('a1', 20)
  for (const name of ['a2', 'a3', 'b1']) void enter(name, 10)
  await settle()
  expect(inside).toEqual(['a1', 'b1'])
  const leave = await a1
  leave?.()
  leave?.()
  await settle()
  expect(inside).toEqual(['a1', 'b1', 'a2', 'a3'])
})

test('an amount above a quarter must be alone under its key, an amount above the total completely alone', async () => {
  const { inside, enter, settle } = setUp()
  const a1 = enter('a1', 60)
  void enter('a2', 1)
  void enter('b1', 30)
  const c1 = enter('c1', 1_000)
  void enter('d1', 1)
  await settle()
  expect(inside).toEqual(['a1', 'b1'])
  ;(await a1)?.()
  await settle()
  expect(inside).toEqual(['a1', 'b1', 'a2'])
  void c1
})

test('a waiter that gets no room in time is refused, and the waiters behind it continue', async () => {
  const { inside, enter, settle } = setUp()
  void enter('a1', 60)
  void enter('b1', 60, 500)
  void enter('c1', 20)
  await settle()
  expect(inside).toEqual(['a1'])
  await vi.advanceTimersByTimeAsync(500)
  expect(inside).toEqual(['a1', 'not b1', 'c1'])
})
