import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { Token } from '../../../server/socket/checked-token.ts'

const SECRET = 'a'.repeat(64)
const User = Type.Object({ id: Type.Number() })

test.each([
  ['signed', Token.sign, Token.verify],
  ['encrypted', Token.encrypt, Token.decrypt],
])('checks the data of a %s token against a schema, and types them', (_title, make, read) => {
  const result = read(SECRET, 'user', make(SECRET, 'user', { id: 1 }), { schema: User })
  expect('ok' in result && result.ok.id + 1).toBe(2)
  expect(read(SECRET, 'user', make(SECRET, 'user', { id: 'x' }), { schema: User })).toEqual({
    error: 'invalid',
  })
  expect(read(SECRET, 'user', make(SECRET, 'user', 'x'))).toHaveProperty('ok', 'x')
  expect(read(SECRET, 'user', null, { schema: User })).toEqual({ error: 'missing' })
})
