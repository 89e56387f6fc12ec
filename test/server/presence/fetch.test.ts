import { describe, expect, it } from 'vitest'
import { readFields, readJsonFields, withFields } from '../../../server/presence/fetch.ts'
import { toEntries } from '../../../server/presence/state.ts'

const entries = toEntries([{ key: 'u1', meta: { phx_ref: 'F1' } }])
const metas = [{ phx_ref: 'F1' }]

describe('withFields', () => {
  it('lays the fields of a key beside its metas', () => {
    expect(withFields(entries, { u1: { name: 'Ann' } })).toEqual({ u1: { metas, name: 'Ann' } })
  })

  it('keeps the metas, whatever the fetch made of them', () => {
    expect(withFields(entries, { u1: { metas: [], name: 'Ann' } })).toEqual({ u1: { metas, name: 'Ann' } })
  })

  it('keeps the keys: others are ignored, and one that was left out has its metas alone', () => {
    expect(withFields(entries, { u2: { name: 'Bob' } })).toEqual({ u1: { metas } })
  })

  it('finds nothing under a key that every object has', () => {
    const strange = toEntries([
      { key: '__proto__', meta: { phx_ref: 'F1' } },
      { key: 'constructor', meta: { phx_ref: 'F2' } },
    ])
    expect(JSON.stringify(withFields(strange, {}))).toBe(
      '{"__proto__":{"metas":[{"phx_ref":"F1"}]},"constructor":{"metas":[{"phx_ref":"F2"}]}}',
    )
  })

  it('changes nothing without fields', () => {
    expect(withFields(entries, null)).toBe(entries)
  })
})

describe('readFields', () => {
  it('takes an object of objects', () => {
    expect(readFields({ u1: { name: 'Ann' } })).toEqual({ u1: { name: 'Ann' } })
  })

  it.each([undefined, null, 'Ann', { u1: 'Ann' }, { u1: null }])('refuses %j', (result) => {
    expect(() => readFields(result)).toThrow(expect.objectContaining({ code: 'PHX_ERR_RESULT' }))
  })
})

it('readJsonFields refuses what cannot be sent', () => {
  expect(readJsonFields({ u1: { n: 1 } })).toEqual({ u1: { n: 1 } })
  const code = 'PHX_ERR_PAYLOAD_TYPE'
  expect(() => readJsonFields({ u1: { n: 1n } })).toThrow(expect.objectContaining({ code }))
})
