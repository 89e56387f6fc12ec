import { describe, expect, it } from 'vitest'
import { type Presence, PresenceState, toEntries } from '../../../server/presence/state.ts'

const presence = (key: string, phx_ref: string): Presence => ({ key, meta: { phx_ref } })
const ann = presence('ann', 'F1')
const bob = presence('bob', 'F2')

function stateOf(...presences: Presence[]): PresenceState {
  const state = new PresenceState()
  for (const one of presences) state.join(one)
  return state
}

describe('PresenceState', () => {
  it('contains the presences that joined and have not left', () => {
    const state = stateOf(ann, bob)
    expect([state.size, state.has(ann), [...state]]).toEqual([2, true, [ann, bob]])
    expect(state.leave(ann)).toBe(true)
    expect([state.size, state.has(ann), [...state]]).toEqual([1, false, [bob]])
  })

  it('keeps the metas of one key separate, in the order of their joins', () => {
    const [phone, laptop] = [presence('ann', 'F1'), presence('ann', 'F2')]
    const state = stateOf(phone, laptop)
    expect([state.size, state.of('ann')]).toEqual([1, [phone, laptop]])
    state.leave(phone)
    expect(state.of('ann')).toEqual([laptop])
  })

  it('returns false for a join or a leave without effect', () => {
    const state = stateOf(ann)
    expect(state.join(ann)).toBe(false)
    expect(state.leave(bob)).toBe(false)
    expect(state.leave(presence('ann', 'F9'))).toBe(false)
    expect([...state]).toEqual([ann])
  })

  it('has no presence under an unused key', () => {
    expect(stateOf(ann).of('constructor')).toEqual([])
  })

  it('merges a change and returns its effect', () => {
    const state = stateOf(ann)
    expect(state.merge({ joins: [ann, bob], leaves: [presence('cid', 'F3')] })).toEqual({
      joins: [bob],
      leaves: [],
    })
    expect(state.merge({ joins: [], leaves: [ann, ann] })).toEqual({ joins: [], leaves: [ann] })
    expect([...state]).toEqual([bob])
  })

  it('keeps the position of a key whose meta is replaced, like clients do', () => {
    const state = stateOf(ann, bob)
    const news = presence('ann', 'F3')
    state.merge({ joins: [news], leaves: [ann] })
    expect([...state]).toEqual([news, bob])
  })
})

describe('toEntries', () => {
  it('groups the metas by key', () => {
    expect(toEntries([ann, bob, presence('ann', 'F3')])).toEqual({
      ann: { metas: [{ phx_ref: 'F1' }, { phx_ref: 'F3' }] },
      bob: { metas: [{ phx_ref: 'F2' }] },
    })
  })

  it.each(['__proto__', 'constructor', 'toString'])('treats %s as an ordinary key', (key) => {
    const entries = toEntries([presence(key, 'F1'), presence(key, 'F2')])
    expect(JSON.stringify(entries)).toBe(`{"${key}":{"metas":[{"phx_ref":"F1"},{"phx_ref":"F2"}]}}`)
  })
})
