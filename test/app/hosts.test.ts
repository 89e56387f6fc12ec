import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { AppOptions } from '../../server/app/app.ts'
import { readSettings } from '../../server/app/settings.ts'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { openApp } from '../helpers/open-app.ts'
import { upgrade } from '../helpers/raw-http.ts'
import { AUTH_SECRET } from '../helpers/tokens.ts'

const open = { authSecret: null }

async function statusFor(host: string, options: AppOptions = open, url = '/api/rooms') {
  const { app } = await openApp(options)
  return (await app.inject({ url, headers: { host } })).statusCode
}

test.each(['localhost:4000', 'LOCALHOST', 'chat.localhost:80', '127.0.0.1:4000', '127.1.2.3', '[::1]:4000'])(
  'an open chat on 127.0.0.1 answers requests for the host %s',
  async (host) => {
    expect(await statusFor(host)).toBe(200)
  },
)

test.each(['evil.example:4000', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '[::2]'])(
  'it refuses requests for the host %j, whose page may have rebound its name to our address',
  async (host) => {
    const { app } = await openApp(open)
    const response = await app.inject({ url: '/', headers: { host } })
    expect(response.json()).toMatchObject({ status: 421, code: 'misdirected' })
    expect(response.json().detail).toContain('ALLOWED_HOSTS')
  },
)

test('it refuses sockets for such a host, too', async () => {
  const { app } = await openApp(open)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const headers = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` }
  const url = `http://127.0.0.1:${port}/socket`
  expect((await upgrade(`${url}/websocket?vsn=2.0.0`, headers)).status).toBe(421)
  const { statusCode } = await app.inject({ url: '/socket/longpoll?vsn=2.0.0', headers })
  expect(statusCode).toBe(421)
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test.each(['/healthz', '/readyz', '/metrics'])('%s answers requests for any host', async (url) => {
  expect(await statusFor('10.1.2.3:4000', open, url)).toBe(200)
})

test.each<[string, AppOptions]>([
  ['users', { authSecret: AUTH_SECRET }],
  ['a proxy', { ...open, trustProxy: ['10.0.0.1'] }],
  ['all interfaces', { ...open, host: '0.0.0.0' }],
  ['ALLOWED_HOSTS=*', { ...open, allowedHosts: ['*'] }],
  ['production', { ...open, allowedHosts: readSettings(production()).allowedHosts }],
])('with %s requests for any host are answered', async (_what, options) => {
  expect(await statusFor('chat.example', options, '/docs')).toBe(200)
})

test('with ALLOWED_HOSTS only requests for the listed hosts are answered', async () => {
  const options = { authSecret: AUTH_SECRET, allowedHosts: ['chat.example', '[fd00::1]'] }
  const hosts = ['chat.example', 'Chat.Example.:443', '[fd00::1]:80', 'localhost', 'a.chat.example']
  const statuses = await Promise.all(hosts.map((host) => statusFor(host, options, '/docs')))
  expect(statuses).toEqual([200, 200, 200, 421, 421])
})

test('the host is taken from the request, not from headers that a page makes a proxy believe', async () => {
  const { app } = await openApp({ ...open, allowedHosts: ['chat.example'], trustProxy: ['127.0.0.1'] })
  const headers = { host: 'evil.example', 'x-forwarded-host': 'chat.example' }
  expect((await app.inject({ url: '/docs', headers })).statusCode).toBe(421)
})

function production() {
  return { NODE_ENV: 'production', ALLOW_ANONYMOUS: '1' }
}

test('a chat with DEV_LOGIN answers only loopback names, like an open chat', async () => {
  const options = { authSecret: AUTH_SECRET, devLogin: true }
  expect(await statusFor('localhost:4000', options, '/api/session')).toBe(200)
  expect(await statusFor('evil.example:4000', options, '/api/session')).toBe(421)
})
