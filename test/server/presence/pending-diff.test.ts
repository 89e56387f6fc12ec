import { expect, it } from 'vitest'
import { PendingDiff } from '../../../server/presence/pending-diff.ts'
import type { Presence } from '../../../server/presence/state.ts'

const presence = (key: string, phx_ref: string): Presence => ({ key, meta: { phx_ref } })
const ann = presence('ann', 'F1')
const bob = presence('bob', 'F2')

it('gathers changes into one, and is empty once it is taken', () => {
  const pending = new PendingDiff()
  expect(pending.isEmpty).toBe(true)
  pending.add({ joins: [ann], leaves: [] })
  pending.add({ joins: [], leaves: [bob] })
  expect(pending.isEmpty).toBe(false)
  expect(pending.take()).toEqual({ joins: [ann], leaves: [bob] })
  expect(pending.isEmpty).toBe(true)
  expect(pending.take()).toEqual({ joins: [], leaves: [] })
})

it('has one who came and went in both halves, for those who have read a list in between', () => {
  const pending = new PendingDiff()
  pending.add({ joins: [ann], leaves: [] })
  pending.add({ joins: [], leaves: [ann] })
  expect(pending.take()).toEqual({ joins: [ann], leaves: [ann] })
})

it('has one who went and came back only in the joins, because clients apply leaves last', () => {
  const pending = new PendingDiff()
  pending.add({ joins: [], leaves: [ann] })
  pending.add({ joins: [ann], leaves: [] })
  expect(pending.take()).toEqual({ joins: [ann], leaves: [] })
})

it('has all metas of one key', () => {
  const [first, second] = [presence('ann', 'F1'), presence('ann', 'F3')]
  const pending = new PendingDiff()
  pending.add({ joins: [first], leaves: [] })
  pending.add({ joins: [second], leaves: [first] })
  expect(pending.take()).toEqual({ joins: [first, second], leaves: [first] })
})
