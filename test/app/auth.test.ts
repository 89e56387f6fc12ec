import { UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import { mayEnter, TOKEN_SALT, verifyToken } from '../../server/app/auth.ts'
import { Token } from '../../server/index.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'

const verify = (token: string, wanted: { audience?: string; issuer?: string } = {}) =>
  verifyToken({ secret: AUTH_SECRET, audience: null, issuer: null, ...wanted }, token)

test('a JWT gives the id, name and rooms of its user, and its expiry', async () => {
  const verified = await verify(await tokenFor('u1', { name: 'Ann', rooms: ['lobby'] }))
  expect(verified?.user).toEqual({ id: 'u1', name: 'Ann', rooms: ['lobby'] })
  expect((verified?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(50_000)
})

test('a Phoenix.Token with the same claims gives the same; without a name, the id is the name', async () => {
  const token = Token.sign(AUTH_SECRET, TOKEN_SALT, { sub: 'u1' })
  expect(await verify(token)).toEqual({ user: { id: 'u1', name: 'u1', rooms: null } })
})

test.each([
  ['of another secret', () => tokenFor('u1', { secret: 'x'.repeat(40) })],
  ['that has expired', () => tokenFor('u1', { expiresIn: -1 })],
  ['that is not signed', async () => new UnsecuredJWT({ sub: 'u1' }).encode()],
  ['without a subject', () => tokenFor('')],
  ['whose name has a line break', () => tokenFor('u1', { name: 'a\nb' })],
  ['of Phoenix with another salt', async () => Token.sign(AUTH_SECRET, 'other', { sub: 'u1' })],
  ['of Phoenix that has expired', async () => Token.sign(AUTH_SECRET, TOKEN_SALT, { sub: 'u1', exp: 1 })],
  ['of a name that every object has', () => tokenFor('constructor')],
  ['of another such name', () => tokenFor('__proto__')],
  ['that is not a token', async () => 'nonsense'],
  ['that is empty', async () => ''],
])('a token %s gives no user', async (_what, make) => {
  expect(await verify(await make())).toBeNull()
})

test.each([
  [null, 'private-1', true],
  [{ rooms: null }, 'lobby', true],
  [{ rooms: null }, 'private-1', false],
  [{ rooms: ['private-1'] }, 'private-1', true],
  [{ rooms: ['private-1'] }, 'lobby', false],
])('the user %j may enter %s: %s', (user, room, expected) => {
  expect(mayEnter(user === null ? null : { id: 'u1', name: 'Ann', ...user }, room)).toBe(expected)
})

test.each([
  [{}, false],
  [{ audience: 'shop' }, false],
  [{ audience: ['shop', 'mail'] }, false],
  [{ audience: 'chat' }, true],
  [{ audience: ['shop', 'chat'] }, true],
])('AUTH_AUDIENCE is checked against a token with %j: %s', async (claims, expected) => {
  const verified = await verify(await tokenFor('u1', claims), { audience: 'chat' })
  expect(verified !== null).toBe(expected)
})

test.each([
  [{}, false],
  [{ issuer: 'https://other.example' }, false],
  [{ issuer: 'https://login.example' }, true],
])('AUTH_ISSUER is checked against a token with %j: %s', async (claims, expected) => {
  const verified = await verify(await tokenFor('u1', claims), { issuer: 'https://login.example' })
  expect(verified !== null).toBe(expected)
})

test.each([
  [{}, false],
  [{ aud: 'chat', iss: 'login' }, true],
  [{ aud: ['chat'], iss: 'login' }, true],
  [{ aud: 'chat', iss: 'other' }, false],
])('the same checks apply to a Phoenix.Token with %j: %s', async (claims, expected) => {
  const token = Token.sign(AUTH_SECRET, TOKEN_SALT, { sub: 'u1', ...claims })
  expect((await verify(token, { audience: 'chat', issuer: 'login' })) !== null).toBe(expected)
})
