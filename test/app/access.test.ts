import type { InjectOptions } from 'fastify'
import { describe, expect, test } from 'vitest'
import { isWrite } from '../../server/app/access.ts'
import { openApp } from '../helpers/open-app.ts'

const apiToken = 'a-token-of-the-tests'
const doors: InjectOptions[] = [
  { method: 'POST', url: '/api/rooms/den/messages', payload: { body: 'hi' } },
  { method: 'POST', url: '/admin/sockets/user:ann/disconnect' },
]

async function ask(door: InjectOptions, authorization?: string) {
  const { app } = await openApp({ apiToken })
  const headers = authorization === undefined ? {} : { authorization }
  return app.inject({ ...door, headers })
}

describe.each(doors)('$method $url', (door) => {
  test('accepts the token', async () => {
    expect((await ask(door, `Bearer ${apiToken}`)).statusCode).toBe(202)
    expect((await ask(door, `bearer  ${apiToken}`)).statusCode).toBe(202)
  })

  test('asks for a token', async () => {
    const response = await ask(door)
    expect(response.headers['www-authenticate']).toBe('Bearer')
    expect(response.json()).toMatchObject({ status: 401, code: 'unauthorized' })
  })

  test.each([
    ['another token', 'Bearer another-token-of-the-tests'],
    ['a part of it', `Bearer ${apiToken.slice(0, -1)}`],
    ['it and more', `Bearer ${apiToken}x`],
    ['it in capitals', `Bearer ${apiToken.toUpperCase()}`],
    ['it twice', `Bearer ${apiToken} ${apiToken}`],
    ['a scheme without a token', 'Bearer '],
    ['another scheme', `Basic ${apiToken}`],
    ['the token alone', apiToken],
  ])('refuses %s', async (_what, authorization) => {
    const response = await ask(door, authorization)
    expect([response.statusCode, response.json().code]).toEqual([401, 'unauthorized'])
    expect(response.body).not.toContain(apiToken)
  })

  test('does not accept the token in the query', async () => {
    const response = await ask({ ...door, query: { token: apiToken, access_token: apiToken } })
    expect(response.statusCode).toBe(401)
  })
})

test('the response to a wrong token differs from the response to a missing one', async () => {
  const [door = {}] = doors
  expect((await ask(door, 'Bearer wrong')).headers['www-authenticate']).toBe('Bearer error="invalid_token"')
})

test('a request without a token is refused before it is validated', async () => {
  const { app } = await openApp({ apiToken })
  const payload = { body: 'x'.repeat(100_000) }
  const response = await app.inject({ method: 'POST', url: '/api/rooms/a,b/messages', payload })
  expect(response.statusCode).toBe(401)
})

test.each(['/api/rooms', '/api/rooms/den', '/healthz', '/readyz'])('GET %s needs no token', async (url) => {
  const { app } = await openApp({ apiToken })
  expect((await app.inject(url)).statusCode).toBe(200)
})

test('without API_TOKEN messages can be sent to rooms, and the routes for operators do not exist', async () => {
  const { app } = await openApp()
  const [say = {}, disconnect = {}] = doors
  expect((await app.inject(say)).statusCode).toBe(202)
  expect((await app.inject(disconnect)).statusCode).toBe(404)
})

test.each([
  ['GET', false],
  ['HEAD', false],
  ['OPTIONS', false],
  ['POST', true],
  ['DELETE', true],
  ['PATCH', true],
])('whether %s is a write request: %j', (method, expected) => {
  expect(isWrite(method)).toBe(expected)
})
