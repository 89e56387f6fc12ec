import { expect, test } from 'vitest'
import { isSignedOut, readSession } from '../../../client/app/session.ts'

const ann = { id: 'ann', name: 'Ann' }
const session = { hasUsers: true, canSignIn: false, user: ann, rooms: null }

test('the response of the session API is parsed, and anything else is refused', () => {
  expect(readSession(session)).toEqual(session)
  expect(readSession({ ...session, rooms: ['den'] })?.rooms).toEqual(['den'])
  const others = [
    null,
    'x',
    {},
    { ...session, user: {} },
    { ...session, user: undefined },
    { ...session, hasUsers: 1 },
  ]
  for (const answer of others) expect(readSession(answer)).toBeNull()
})

test('nobody is signed out if there are no users, or before the server has responded', () => {
  expect(isSignedOut({ ...session, user: null })).toBe(true)
  expect(isSignedOut({ ...session, user: null, hasUsers: false })).toBe(false)
  expect([isSignedOut(session), isSignedOut(null)]).toEqual([false, false])
})
