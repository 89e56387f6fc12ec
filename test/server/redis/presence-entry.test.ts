import { expect, it } from 'vitest'
import {
  fieldOf,
  incarnationOf,
  readEntry,
  refOf,
  writePresence,
} from '../../../server/redis/presence-entry.ts'
import { freeze } from '../../../server/runtime/object.ts'

it('has the incarnation and the reference in the field', () => {
  expect(fieldOf('no-de_1.2', 'F1')).toBe('no-de_1.2/F1')
  expect([incarnationOf('no-de_1.2/F1'), refOf('no-de_1.2/F1')]).toEqual(['no-de_1.2', 'F1'])
})

it('has the key and the meta in the value', () => {
  const value = '["__proto__",{"phx_ref":"F1","name":"Ann"}]'
  const presence = { key: '__proto__', meta: { phx_ref: 'F1', name: 'Ann' } }
  expect(writePresence(presence)).toBe(value)
  expect(readEntry('n.1/F1', JSON.parse(value))).toEqual({ field: 'n.1/F1', incarnation: 'n.1', presence })
})

it.each([
  ['of another reference', ['ann', { phx_ref: 'F2' }]],
  ['without a reference', ['ann', {}]],
  ['without a meta', ['ann', null]],
  ['whose key is not text', [1, { phx_ref: 'F1' }]],
  ['that is not an array', { key: 'ann' }],
])('reads no entry from a value %s', (_name, value) => {
  expect(readEntry('n.1/F1', value)).toBeNull()
})

it('deeply freezes entries that it reads, like tracked metas (PRESENCE-3)', () => {
  const entry = readEntry('n.1/F1', JSON.parse('["ann",{"phx_ref":"F1","at":{"x":[1]}}]', freeze))
  const at = entry?.presence.meta['at'] as { x: number[] }
  expect([entry?.presence.meta, at, at.x].map((value) => Object.isFrozen(value))).toEqual([true, true, true])
})
