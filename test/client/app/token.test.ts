import { expect, test } from 'vitest'
import { memoryStore } from '../../../client/app/store.ts'
import { apiHeaders, connectParams, takeToken } from '../../../client/app/token.ts'

test('a token in the address is kept, for the connection and for the API', () => {
  const store = memoryStore()
  expect(takeToken('#token=a.b-c', store)).toBe(true)
  expect(connectParams(store)).toEqual({ token: 'a.b-c' })
  expect(apiHeaders(store)).toEqual({ authorization: 'Bearer a.b-c' })
})

test.each(['', '#lobby', '#token='])('%j has no token, and nobody is told of one', (hash) => {
  const store = memoryStore()
  expect(takeToken(hash, store)).toBe(false)
  expect([connectParams(store), apiHeaders(store)]).toEqual([{}, {}])
})
