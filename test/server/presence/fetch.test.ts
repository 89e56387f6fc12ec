import { describe, expect, it } from 'vitest'
import { readFields, readJsonFields, withFields } from '../../../server/presence/fetch.ts'
import { toEntries } from '../../../server/presence/state.ts'

const entries = toEntries([{ key: 'u1', meta: { phx_ref: 'F1' } }])
const metas = [{ phx_ref: 'F1' }]

describe('withFields', () => {
  it('adds the fields of a key beside its metas', () => {
    expect(withFields(entries, { u1: { name: 'Ann' } })).toEqual({ u1: { metas, name: 'Ann' } })
  })

  it('keeps the metas, even if fetch returns other metas', () => {
    expect(withFields(entries, { u1: { metas: [], name: 'Ann' } })).toEqual({ u1: { metas, name: 'Ann' } })
  })

  it('keeps the keys: unknown keys are ignored, and a key without fields has only its metas', () => {
    expect(withFields(entries, { u2: { name: 'Bob' } })).toEqual({ u1: { metas } })
  })

  it('finds no fields for a key that every object inherits', () => {
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
  it('accepts an object of objects', () => {
    expect(readFields({ u1: { name: 'Ann' } })).toEqual({ u1: { name: 'Ann' } })
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['Ann', '"Ann"'],
    [{ u1: 'Ann' }, '"Ann" for the key "u1"'],
    [{ u1: {}, u2: null }, 'null for the key "u2"'],
  ])('refuses %j', (result, given) => {
    const message = `\`fetch\` of a presence must return { [key]: { field: value } } (got ${given})`
    expect(() => readFields(result)).toThrow(expect.objectContaining({ code: 'PHX_ERR_RESULT', message }))
  })
})

it('readJsonFields returns a JSON copy', () => {
  expect(readJsonFields({ u1: { at: new Date(0), toJSON: () => ({ n: 1 }) } })).toEqual({ u1: { n: 1 } })
  expect(readJsonFields({ u1: { at: new Date(0) } })).toEqual({ u1: { at: '1970-01-01T00:00:00.000Z' } })
  const code = 'PHX_ERR_RESULT'
  expect(() => readJsonFields({ u1: new Date(0) })).toThrow(expect.objectContaining({ code }))
})

it('readJsonFields rejects fields that cannot be encoded', () => {
  expect(readJsonFields({ u1: { n: 1 } })).toEqual({ u1: { n: 1 } })
  const code = 'PHX_ERR_PAYLOAD_TYPE'
  expect(() => readJsonFields({ u1: { n: 1n } })).toThrow(expect.objectContaining({ code }))
})
