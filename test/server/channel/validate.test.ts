import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { Binary } from '../../../protocol/index.ts'
import { compile } from '../../../server/channel/validate.ts'

const NewMessage = Type.Object({ body: Type.String(), tags: Type.Optional(Type.Array(Type.String())) })

test('there is nothing to check without a schema', () => {
  expect(compile(undefined)).toBeNull()
})

test('a value that fits has nothing wrong with it', () => {
  expect(compile(NewMessage)?.({ body: 'hi', tags: ['a'] })).toBeNull()
})

test('says where a value is wrong, as a JSON pointer, and what is wrong', () => {
  expect(compile(NewMessage)?.({ body: 1 })).toEqual([{ path: '/body', message: 'must be string' }])
  expect(compile(NewMessage)?.({ body: 'hi', tags: ['a', 2] })).toEqual([
    { path: '/tags/1', message: 'must be string' },
  ])
})

test('does not change a value to make it fit', () => {
  const check = compile(Type.Object({ n: Type.Integer() }))
  expect(check?.({ n: '1' })).not.toBeNull()
})

test('takes bytes where the contract says so, and only there', () => {
  expect(compile(Binary)?.(new Uint8Array(2))).toBeNull()
  expect(compile(Binary)?.('bytes')).toEqual([{ path: '', message: 'must be bytes' }])
  expect(compile(NewMessage)?.(new Uint8Array(2))).not.toBeNull()
})

test('the list of what is wrong does not grow with the payload', () => {
  const numbers = Array.from({ length: 10_000 }, (_, n) => n)
  expect(compile(Type.Array(Type.String()))?.(numbers)?.length).toBeLessThan(100)
})
