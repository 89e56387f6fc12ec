import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { compile } from '../../../server/channel/validate.ts'
import { UsageError } from '../../../server/errors.ts'
import { makeMeta } from '../../../server/presence/meta.ts'
import { revokedProxy } from '../../helpers/mistakes.ts'

const check = compile(Type.Object({ name: Type.String() }, { additionalProperties: false }))

it('gets a reference of 16 characters that no other meta has (PRESENCE-3)', () => {
  const metas = Array.from({ length: 1_000 }, () => makeMeta({ name: 'Ann' }, check, null))
  expect(metas[0]).toEqual({ name: 'Ann', phx_ref: expect.stringMatching(/^[\w-]{16}$/) })
  expect(new Set(metas.map(({ phx_ref }) => phx_ref)).size).toBe(1_000)
})

it('contains the reference of the meta that it replaces, even if that was copied (PRESENCE-4)', () => {
  const first = makeMeta({ name: 'Ann' }, check, null)
  const second = makeMeta({ ...first, name: 'Anna' }, check, first)
  const third = makeMeta({ ...second }, check, second)
  expect(second).toEqual({ name: 'Anna', phx_ref: second.phx_ref, phx_ref_prev: first.phx_ref })
  expect(third).toEqual({ name: 'Anna', phx_ref: third.phx_ref, phx_ref_prev: second.phx_ref })
  expect(second.phx_ref).not.toBe(first.phx_ref)
})

it('is a frozen copy: later changes of the given object have no effect', () => {
  const given = { name: 'Ann', at: { x: 1 }, tags: ['a'] }
  const meta = makeMeta(given, null, null)
  given.at.x = 2
  given.tags.push('b')
  expect(meta).toEqual({ name: 'Ann', at: { x: 1 }, tags: ['a'], phx_ref: meta.phx_ref })
  expect(() => Object.assign(meta, { name: 'Bob' })).toThrow(TypeError)
  expect(() => Object.assign(meta['at'] as object, { x: 3 })).toThrow(TypeError)
})

it('is the JSON form of the given value', () => {
  const meta = makeMeta({ at: new Date(0), none: undefined, ['__proto__']: 1 }, null, null)
  expect(JSON.stringify(meta)).toBe(
    `{"at":"1970-01-01T00:00:00.000Z","__proto__":1,"phx_ref":"${meta.phx_ref}"}`,
  )
})

it('rejects a meta that does not match the contract, with the path', () => {
  expect(() => makeMeta({ name: 7 }, check, null)).toThrow(UsageError)
  const message = 'the meta does not match the schema `presence` of the contract: /name must be string'
  expect(() => makeMeta({ name: 7 }, check, null)).toThrow(
    expect.objectContaining({ code: 'PHX_ERR_META', message }),
  )
  expect(() => makeMeta({}, check, null)).toThrow(
    'of the contract: the meta must have required properties name',
  )
})

it.each([
  ['null', null, 'the meta must be an object (got null)'],
  ['nothing', undefined, 'the meta must be an object (got undefined)'],
  ['a text', 'Ann', 'the meta must be an object (got "Ann")'],
  ['an array', ['Ann'], 'the meta must be an object (got an array)'],
  ['a bigint', { id: 1n }, 'the meta must be a value that can be encoded as JSON'],
])('refuses %s', (_name, given, message) => {
  expect(() => makeMeta(given, null, null)).toThrow(
    expect.objectContaining({ code: 'PHX_ERR_META', message }),
  )
})

it.each([
  ['half of a surrogate pair', { name: '\ud800' }],
  ['a value that JSON would lose', { tags: new Set(['a']) }],
  ['a promise', Promise.resolve({ name: 'Ann' })],
  ['a revoked proxy', revokedProxy()],
])('is refused with %s (PRESENCE-3)', (_, given) => {
  expect(() => makeMeta(given, null, null)).toThrow(expect.objectContaining({ code: 'PHX_ERR_META' }))
})
