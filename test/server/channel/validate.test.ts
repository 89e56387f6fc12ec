import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { Binary } from '../../../protocol/index.ts'
import { compile } from '../../../server/channel/validate.ts'

const NewMessage = Type.Object({ body: Type.String(), tags: Type.Optional(Type.Array(Type.String())) })

test('without a schema there is no check', () => {
  expect(compile(undefined)).toBeNull()
})

test('a value that matches gives no errors', () => {
  expect(compile(NewMessage)?.({ body: 'hi', tags: ['a'] })).toBeNull()
})

test('the errors give the path in a value as a JSON pointer, and the reason', () => {
  expect(compile(NewMessage)?.({ body: 1 })).toEqual([{ path: '/body', message: 'must be string' }])
  expect(compile(NewMessage)?.({ body: 'hi', tags: ['a', 2] })).toEqual([
    { path: '/tags/1', message: 'must be string' },
  ])
})

test('an unknown key has one error, which names the key', () => {
  const strict = compile(Type.Object({ in: Type.Object({}, { additionalProperties: false }) }))
  expect(strict?.({ in: { a: 1, b: 2 } })).toEqual([
    { path: '/in/a', message: 'is an unknown key' },
    { path: '/in/b', message: 'is an unknown key' },
  ])
})

test('a value is not changed to match', () => {
  const check = compile(Type.Object({ n: Type.Integer() }))
  expect(check?.({ n: '1' })).not.toBeNull()
})

test('bytes are accepted only if the contract allows them', () => {
  expect(compile(Binary)?.(new Uint8Array(2))).toBeNull()
  expect(compile(Binary)?.('bytes')).toEqual([{ path: '', message: 'must be bytes' }])
  expect(compile(NewMessage)?.(new Uint8Array(2))).not.toBeNull()
})

test('the list of errors does not grow with the payload', () => {
  const numbers = Array.from({ length: 10_000 }, (_, n) => n)
  expect(compile(Type.Array(Type.String()))?.(numbers)?.length).toBeLessThan(100)
})
