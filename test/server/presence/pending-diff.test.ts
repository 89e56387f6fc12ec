import { expect, it } from 'vitest'
import { PendingDiff } from '../../../server/presence/pending-diff.ts'
import type { Presence } from '../../../server/presence/state.ts'

const presence = (key: string, phx_ref: string): Presence => ({ key, meta: { phx_ref } })
const ann = presence('ann', 'F1')
const bob = presence('bob', 'F2')

it('merges changes into one diff, and is empty after take', () => {
  const pending = new PendingDiff()
  expect(pending.isEmpty).toBe(true)
  pending.add({ joins: [ann], leaves: [] })
  pending.add({ joins: [], leaves: [bob] })
  expect(pending.isEmpty).toBe(false)
  expect(pending.take()).toEqual({ joins: [ann], leaves: [bob] })
  expect(pending.isEmpty).toBe(true)
  expect(pending.take()).toEqual({ joins: [], leaves: [] })
})

it('omits a presence that joined and left unseen (PRESENCE-4)', () => {
  const pending = new PendingDiff()
  pending.add({ joins: [ann], leaves: [] })
  pending.add({ joins: [], leaves: [ann] })
  expect(pending.isEmpty).toBe(true)
  expect(pending.take()).toEqual({ joins: [], leaves: [] })
})

it('contains the leave of a presence that joined and left if a list was read in between (PRESENCE-4)', () => {
  const pending = new PendingDiff()
  pending.add({ joins: [ann], leaves: [] })
  pending.listed()
  pending.add({ joins: [bob], leaves: [ann] })
  pending.add({ joins: [], leaves: [bob] })
  expect(pending.take()).toEqual({ joins: [], leaves: [ann] })
  // The list is of the diff before.
  pending.add({ joins: [ann], leaves: [] })
  pending.add({ joins: [], leaves: [ann] })
  expect(pending.take()).toEqual({ joins: [], leaves: [] })
})

it('merges twenty updates into one join and one leave (PRESENCE-4)', () => {
  const pending = new PendingDiff()
  const metas = Array.from({ length: 21 }, (_, n) => presence('ann', `F${n}`))
  for (let n = 1; n <= 20; n += 1)
    pending.add({ joins: metas.slice(n, n + 1), leaves: metas.slice(n - 1, n) })
  expect(pending.take()).toEqual({ joins: [metas[20]], leaves: [metas[0]] })
})

it('contains the leave of a presence that left, came back and left again', () => {
  const pending = new PendingDiff()
  pending.add({ joins: [], leaves: [ann] })
  pending.add({ joins: [ann], leaves: [] })
  pending.add({ joins: [], leaves: [ann] })
  expect(pending.take()).toEqual({ joins: [], leaves: [ann] })
})

it('contains only the join of a presence that left and came back, because clients apply leaves last', () => {
  const pending = new PendingDiff()
  pending.add({ joins: [], leaves: [ann] })
  pending.add({ joins: [ann], leaves: [] })
  expect(pending.take()).toEqual({ joins: [ann], leaves: [] })
})

it('contains all metas of one key', () => {
  const [first, second, third] = [presence('ann', 'F2'), presence('ann', 'F3'), presence('ann', 'F4')]
  const pending = new PendingDiff()
  pending.add({ joins: [first], leaves: [] })
  pending.add({ joins: [second, third], leaves: [ann] })
  pending.add({ joins: [], leaves: [second] })
  expect(pending.take()).toEqual({ joins: [first, third], leaves: [ann] })
})
