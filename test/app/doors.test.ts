// With AUTH_SECRET: each door without a token, with a wrong, an expired and a foreign one.
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { openApp } from '../helpers/open-app.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { AUTH_SECRET, tokenFor } from '../helpers/tokens.ts'
import { until } from '../helpers/until.ts'

const API_TOKEN = 'the-operator-of-the-tests'

async function open(options: { apiToken?: string } = {}) {
  const { app } = await openApp({ authSecret: AUTH_SECRET, ...options })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return { app, base: `127.0.0.1:${port}` }
}

const faulty: [string, () => Promise<string | null>][] = [
  ['none', async () => null],
  ['a wrong one', async () => 'nonsense'],
  ['one of another secret', () => tokenFor('u1', { secret: 'x'.repeat(40) })],
  ['an expired one', () => tokenFor('u1', { expiresIn: -1 })],
]

const join = (topic: string) => `["1","1","${topic}","phx_join",{"name":"Mallory","client":"c1"}]`

async function ask(client: RawClient, frame: string): Promise<string> {
  client.send(frame)
  return String(await client.next())
}

test.each(faulty)('without a good token, %s, no WebSocket is opened', async (_what, make) => {
  const { base } = await open()
  const token = await make()
  const query = token === null ? '' : `&token=${encodeURIComponent(token)}`
  await expect(connect(`ws://${base}/socket/websocket?vsn=2.0.0${query}`)).rejects.toThrow('403')
})

test.each(faulty)('nor a long-poll session: %s', async (_what, make) => {
  const { base } = await open()
  const token = await make()
  const query = token === null ? '' : `&token=${encodeURIComponent(token)}`
  const response = await fetch(`http://${base}/socket/longpoll?vsn=2.0.0${query}`)
  expect(await response.json()).toEqual({ status: 403 })
})

test.each(
  faulty.flatMap(([what, make]) => [
    [what, 'GET', '/api/rooms', make] as const,
    [what, 'GET', '/api/rooms/lobby', make] as const,
    [what, 'POST', '/api/rooms/lobby/messages', make] as const,
  ]),
)('with %s, %s %s is 401', async (_what, method, url, make) => {
  const { app } = await open()
  const token = await make()
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const payload = method === 'POST' ? { payload: { body: 'hi' } } : {}
  const response = await app.inject({ method, url, headers, ...payload })
  expect([response.statusCode, response.json().code]).toEqual([401, 'unauthorized'])
})

test("other people's rooms are closed: by socket, by API, and in the list", async () => {
  const { app, base } = await open()
  const owner = await connect(
    `ws://${base}/socket/websocket?vsn=2.0.0&token=${await tokenFor('u1', { rooms: ['private-1'] })}`,
  )
  expect(await ask(owner, join('room:private-1'))).toContain('"status":"ok"')
  const foreign = await tokenFor('u2')
  const stranger = await connect(`ws://${base}/socket/websocket?vsn=2.0.0&token=${foreign}`)
  expect(await ask(stranger, join('room:private-1'))).toContain('"reason":"unauthorized"')
  expect(await ask(stranger, '["1","2","room:private-1","new_msg",{"body":"hi"}]')).toContain(
    'unmatched topic',
  )
  const headers = { authorization: `Bearer ${foreign}` }
  const list = await app.inject({ url: '/api/rooms', headers })
  expect(list.json()).toEqual({ rooms: ['global', 'lobby'] })
  expect((await app.inject({ url: '/api/rooms/private-1', headers })).statusCode).toBe(403)
  const said = await app.inject({
    method: 'POST',
    url: '/api/rooms/private-1/messages',
    headers,
    payload: { body: 'hi' },
  })
  expect(said.statusCode).toBe(403)
})

test('nobody can take the name of somebody else, nor end their connections', async () => {
  const { app, base } = await open()
  const token = await tokenFor('u1', { name: 'Ann' })
  const client = await connect(`ws://${base}/socket/websocket?vsn=2.0.0&token=${token}`)
  await ask(client, join('room:lobby'))
  await client.next()
  expect(String(await client.next())).toContain('"u1":{"metas":[{"name":"Ann"')
  const headers = { authorization: `Bearer ${await tokenFor('u2')}` }
  const url = '/api/sockets/users_socket%3Au1/disconnect'
  expect((await app.inject({ method: 'POST', url, headers })).statusCode).toBe(404)
  const { app: operated } = await open({ apiToken: API_TOKEN })
  expect((await operated.inject({ method: 'POST', url, headers })).statusCode).toBe(401)
})

test('the API token opens all rooms', async () => {
  const { app } = await open({ apiToken: API_TOKEN })
  const headers = { authorization: `Bearer ${API_TOKEN}` }
  expect((await app.inject({ url: '/api/rooms/private-1', headers })).statusCode).toBe(200)
})

test('a token may come as the authToken of the official client, too', async () => {
  const { base } = await open()
  const offered = Buffer.from(await tokenFor('u1'))
    .toString('base64')
    .replace(/=+$/, '')
  const client = await connect(`ws://${base}/socket/websocket?vsn=2.0.0`, {
    protocols: ['phoenix', `base64url.bearer.phx.${offered}`],
  })
  expect(await ask(client, join('room:lobby'))).toContain('"status":"ok"')
})

test('when the token has expired, the connection is closed with 4401', async () => {
  const { base } = await open()
  const token = await tokenFor('u1', { expiresIn: 2 })
  const client = await connect(`ws://${base}/socket/websocket?vsn=2.0.0&token=${token}`)
  expect(await client.closed).toBe(4401)
})

test('a fresh token in time keeps it open', async () => {
  const { app, base } = await open()
  const token = await tokenFor('u1', { expiresIn: 3 })
  const client = await connect(`ws://${base}/socket/websocket?vsn=2.0.0&token=${token}`)
  await ask(client, join('room:lobby'))
  let frame = ''
  while (!frame.includes('token_expiring')) frame = String(await client.next())
  const fresh = await tokenFor('u1')
  const answer = await ask(client, `["1","9","room:lobby","refresh_token",{"token":"${fresh}"}]`)
  expect(answer).toContain('"status":"ok"')
  const [socket] = app.endpoint.sockets
  const expired = Date.now() + 3_500
  await until(() => Date.now() > expired, { timeout: 5_000 })
  expect([...app.endpoint.sockets]).toEqual([socket])
})
