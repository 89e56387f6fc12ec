import { expect, test } from 'vitest'
import { authOf, verifyToken } from '../../../server/app/auth.ts'
import { openApp } from '../../helpers/open-app.ts'
import { AUTH_SECRET, tokenFor } from '../../helpers/tokens.ts'
import { faulty } from '../../helpers/with-users.ts'

const none = { hasUsers: true, canSignIn: false, user: null, rooms: null }

/** Ask whose token this is; null: without a token. */
async function ask(token: string | null, options = {}) {
  const { app } = await openApp({ authSecret: AUTH_SECRET, ...options })
  const headers = { authorization: token === null ? '' : `Bearer ${token}` }
  const response = await app.inject({ url: '/api/session', headers })
  expect(response.statusCode).toBe(200)
  return response.json()
}

test("returns the user of a token and the user's rooms", async () => {
  const user = { id: 'ann', name: 'Ann' }
  expect(await ask(await tokenFor('ann', { name: 'Ann' }))).toEqual({ ...none, user })
  const token = await tokenFor('ann', { name: 'Ann', rooms: ['private-board'] })
  expect(await ask(token)).toEqual({ ...none, user, rooms: ['private-board'] })
})

test.each(faulty)('%s gives no user', async (_what, make) => {
  expect(await ask(await make())).toEqual(none)
})

test('without a token the user is null, and without AUTH_SECRET there are no users', async () => {
  expect(await ask(null)).toEqual(none)
  expect(await ask(null, { authSecret: null })).toEqual({ ...none, hasUsers: false })
})

test('with DEV_LOGIN anybody can sign in under any name, for at most a day', async () => {
  const options = { authSecret: AUTH_SECRET, devLogin: true, apiToken: 'the-operator-of-the-tests' }
  const { app } = await openApp(options)
  const signIn = (name: unknown) => app.inject({ method: 'POST', url: '/api/session', payload: { name } })

  const response = await signIn('Zoë')

  expect(response.statusCode).toBe(201)
  const auth = authOf({ ...options, authAudience: null, authIssuer: null })
  const verified = auth && (await verifyToken(auth, response.json().token))
  expect(verified).toMatchObject({ user: { name: 'Zoë', rooms: null } })
  expect((verified?.expiresAt ?? 0) - Date.now()).toBeLessThan(86_400_000)
  for (const name of ['', 'x'.repeat(41), 7]) expect((await signIn(name)).statusCode).toBe(400)
  expect((await app.inject('/api/session')).json()).toMatchObject({ canSignIn: true })
})

test.each([
  ['AUTH_SECRET', { authSecret: null, devLogin: true }],
  ['DEV_LOGIN', { authSecret: AUTH_SECRET }],
])('without %s the sign-in route does not exist', async (_what, options) => {
  const { app } = await openApp(options)
  const response = await app.inject({ method: 'POST', url: '/api/session', payload: { name: 'Ann' } })
  expect(response.statusCode).toBe(404)
})
