import { expect, it } from 'vitest'
import type { PresenceEntry } from '../../../server/redis/presence-entry.ts'
import { PresenceMirror, presencesOf } from '../../../server/redis/presence-mirror.ts'

const entry = (key: string, phx_ref: string, incarnation = 'n.1'): PresenceEntry => ({
  field: `${incarnation}/${phx_ref}`,
  incarnation,
  presence: { key, meta: { phx_ref } },
})
const ann = entry('ann', 'F1')
const bob = entry('bob', 'F2', 'm.1')
const NONE = { joins: [], leaves: [] }

function mirrorOf(...entries: PresenceEntry[]): PresenceMirror {
  const mirror = new PresenceMirror()
  mirror.reset(entries, false)
  return mirror
}

it('returns the change that a snapshot makes', () => {
  const mirror = mirrorOf(ann)
  expect(mirror.hasMoreThan([bob])).toBe(true)
  expect(mirror.reset([bob], false)).toEqual({ joins: presencesOf([bob]), leaves: presencesOf([ann]) })
  expect(mirror.hasMoreThan([bob])).toBe(false)
  expect(mirror.reset([bob], false)).toEqual(NONE)
})

it('keeps presences that a snapshot lacks, while data loss is suspected', () => {
  const mirror = mirrorOf(ann)
  expect(mirror.reset([bob], true)).toEqual({ joins: presencesOf([bob]), leaves: [] })
  expect(mirror.reset([bob], false)).toEqual({ joins: [], leaves: presencesOf([ann]) })
})

it('applies changes, and returns their effect', () => {
  const mirror = mirrorOf(ann)
  expect(mirror.apply({ joins: [ann, bob], leaves: [ann.field, 'm.1/F9'] })).toEqual({
    joins: presencesOf([bob]),
    leaves: presencesOf([ann]),
  })
})

it('a presence that moves to another incarnation of its node neither joins nor leaves', () => {
  const mirror = mirrorOf(ann)
  const moved = entry('ann', 'F1', 'n.2')
  expect(mirror.apply({ joins: [moved], leaves: [ann.field] })).toEqual(NONE)
  expect(mirror.removeAll('n.1')).toEqual([])
  expect(mirror.apply({ joins: [], leaves: [moved.field] })).toEqual({
    joins: [],
    leaves: presencesOf([ann]),
  })
})

it('removes all presences of an incarnation', () => {
  const mirror = mirrorOf(ann, bob, entry('cid', 'F3'))
  expect(presencesOf(mirror.removeAll('n.1')).map(({ key }) => key)).toEqual(['ann', 'cid'])
  expect(mirror.removeAll('n.1')).toEqual([])
  expect(mirror.reset([], false)).toEqual({ joins: [], leaves: presencesOf([bob]) })
})
