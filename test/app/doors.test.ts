// With AUTH_SECRET: each door without a token and with each that is no user's. What users may do with each
// other's rooms is in `others.test.ts`.

import { expect, test } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { connect } from '../helpers/raw-client.ts'
import { request } from '../helpers/raw-http.ts'
import { tokenFor } from '../helpers/tokens.ts'
import { API_TOKEN, connectWith, faulty, join, openWithUsers } from '../helpers/with-users.ts'

const none = ['no token', async () => null] as const
const ADMIN = [
  ['POST', '/admin/broadcast'],
  ['POST', '/admin/broadcasts'],
  ['GET', '/admin/topics'],
  ['GET', '/admin/topics/room:lobby'],
  ['POST', '/admin/topics/room:lobby/close'],
  ['POST', '/admin/sockets/a/disconnect'],
  ['GET', '/admin/nodes'],
  ['POST', '/admin/nodes/a/workers/b/restart'],
] as const
const API = [
  ['GET', '/api/rooms'],
  ['GET', '/api/rooms/lobby'],
  ['GET', '/api/rooms/lobby/messages'],
  ['POST', '/api/rooms/lobby/messages'],
] as const

/** As the official client offers its `authToken`. */
const offerOf = (token: string) =>
  `base64url.bearer.phx.${Buffer.from(token).toString('base64').replace(/=+$/, '')}`

test.each([none, ...faulty])('with %s a WebSocket is refused', async (_what, make) => {
  const { app, base } = await openWithUsers({ apiToken: API_TOKEN })
  const token = await make()
  const connecting =
    token === null ? connect(`ws://${base}/socket/websocket?vsn=2.0.0`) : connectWith(base, token)
  await expect(connecting).rejects.toThrow('403')
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test.each(faulty)('with %s as an authToken a WebSocket is refused', async (_what, make) => {
  const { app, base } = await openWithUsers({ apiToken: API_TOKEN })
  const protocols = ['phoenix', offerOf(await make())]
  await expect(connect(`ws://${base}/socket/websocket?vsn=2.0.0`, { protocols })).rejects.toThrow('403')
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test.each([none, ...faulty])('with %s a long-poll session is refused', async (_what, make) => {
  const { app, base } = await openWithUsers({ apiToken: API_TOKEN })
  const token = (await make()) ?? ''
  for (const [query, headers] of [
    [`vsn=2.0.0${token && `&token=${encodeURIComponent(token)}`}`, {}],
    ['vsn=2.0.0', { 'x-phoenix-authtoken': token }],
  ] as const) {
    const response = await request(`http://${base}/socket/longpoll?${query}`, { headers })
    expect(response).toMatchObject({ status: 200, body: '{"status":403}' })
  }
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test("messages over long-poll need a session token; a user's token is not accepted", async () => {
  const { base } = await openWithUsers()
  const member = await connectWith(base, await tokenFor('u1'))
  await join(member, 'room:lobby')
  const body = '["1","1","room:lobby","new_msg",{"body":"hi"}]'
  for (const token of ['', 'nonsense', await tokenFor('u2')]) {
    const url = `http://${base}/socket/longpoll?vsn=2.0.0&token=${token}`
    expect(await request(url, { method: 'POST', body })).toMatchObject({ body: '{"status":410}' })
  }
  await member.nothing()
})

test('the token of a long-poll session is not accepted anywhere else', async () => {
  const { app, base } = await openWithUsers()
  const url = `http://${base}/socket/longpoll?vsn=2.0.0`
  const opened = await request(`${url}&token=${await tokenFor('u1')}`)
  const { token } = JSON.parse(opened.body)
  await expect(connectWith(base, token)).rejects.toThrow('403')
  const response = await app.inject({ url: '/api/rooms', headers: { authorization: `Bearer ${token}` } })
  expect(response.statusCode).toBe(401)
})

test.each([
  ['as a param', (token: string) => [`&token=${token}`, {}] as const],
  ['as its authToken', (token: string) => ['', { 'x-phoenix-authtoken': token }] as const],
])(
  'a client whose long-poll session has ended connects again at once with a token %s',
  async (_how, show) => {
    const { app, base } = await openWithUsers()
    const [query, headers] = show(await tokenFor('u1'))
    const url = `http://${base}/socket/longpoll?vsn=2.0.0${query}`
    const { token } = JSON.parse((await request(url, { headers })).body)
    await app.endpoint.disconnect('users_socket:u1')
    const again = await request(`${url}&token=${encodeURIComponent(token)}`, { headers })
    expect(JSON.parse(again.body)).toMatchObject({ status: 410, token: expect.any(String) })
  },
)

test.each(
  [none, ...faulty.slice(0, -1)].flatMap(([what, make]) =>
    API.map(([method, url]) => [what, method, url, make] as const),
  ),
)('with %s, %s %s is 401', async (_what, method, url, make) => {
  const { app } = await openWithUsers()
  const token = await make()
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const payload = method === 'POST' ? { payload: { body: 'hi' } } : {}
  const response = await app.inject({ method, url, headers, ...payload })
  expect([response.statusCode, response.json().code]).toEqual([401, 'unauthorized'])
})

test.each(
  [none, ...faulty.slice(0, -1), ['a token of a user', () => tokenFor('u2')] as const].flatMap(
    ([what, make]) => ADMIN.map(([method, url]) => [what, method, url, make] as const),
  ),
)('with %s, %s %s for operators is 401', async (_what, method, url, make) => {
  const { app } = await openWithUsers({ apiToken: API_TOKEN })
  const token = await make()
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const response = await app.inject({ method, url, headers, ...(method === 'POST' && { payload: {} }) })
  expect([response.statusCode, response.json().code]).toEqual([401, 'unauthorized'])
})

test('the API does not accept a token in the query', async () => {
  const { app } = await openWithUsers()
  const token = await tokenFor('u1')
  expect((await app.inject({ url: '/api/rooms', query: { token } })).statusCode).toBe(401)
})

test.each([none, ...faulty.slice(0, -1), ['a token of a user', () => tokenFor('u2')] as const])(
  'with %s nobody can disconnect clients, or send messages if API_TOKEN is set',
  async (_what, make) => {
    const { app, base } = await openWithUsers({ apiToken: API_TOKEN })
    const client = await connectWith(base, await tokenFor('u1'))
    const token = await make()
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    for (const url of ['/admin/sockets/users_socket%3Au1/disconnect', '/api/rooms/lobby/messages']) {
      const response = await app.inject({ method: 'POST', url, headers, payload: { body: 'hi' } })
      expect([url, response.statusCode]).toEqual([url, 401])
    }
    await client.nothing()
  },
)

test('without API_TOKEN no route exists by which a user could disconnect others', async () => {
  const { app } = await openWithUsers()
  const headers = { authorization: `Bearer ${await tokenFor('u1')}` }
  const url = '/admin/sockets/users_socket%3Au1/disconnect'
  expect((await app.inject({ method: 'POST', url, headers })).statusCode).toBe(404)
})

test('the API token gives access to all rooms', async () => {
  const { app } = await openWithUsers({ apiToken: API_TOKEN })
  const headers = { authorization: `Bearer ${API_TOKEN}` }
  expect((await app.inject({ url: '/api/rooms/private-1', headers })).statusCode).toBe(200)
})

test('a message that is sent over the API carries the user of its token', async () => {
  const { app, base } = await openWithUsers()
  const token = await tokenFor('u1', { name: 'Ann' })
  const client = await connectWith(base, token)
  await join(client, 'room:lobby')
  const headers = { authorization: `Bearer ${token}` }
  const url = '/api/rooms/lobby/messages'
  await app.inject({ method: 'POST', url, headers, payload: { body: 'hi' } })
  expect(await client.next()).toContain('"new_msg",{"body":"hi","from":{"id":"u1","name":"Ann"}}]')
})

test('a token is also accepted as the authToken of the official client', async () => {
  const { base } = await openWithUsers()
  const client = await connect(`ws://${base}/socket/websocket?vsn=2.0.0`, {
    protocols: ['phoenix', offerOf(await tokenFor('u1'))],
  })
  expect(await join(client, 'room:lobby')).toContain('"status":"ok"')
})

test.each(['/docs', '/docs/openapi.json', '/docs/asyncapi.json', '/healthz', '/readyz', '/metrics'])(
  '%s is public on purpose, and shows no rooms or users',
  async (url) => {
    const { app, base } = await openWithUsers()
    const client = await connectWith(base, await tokenFor('u1', { name: 'Ann', rooms: ['private-1'] }))
    await join(client, 'room:private-1')
    const response = await app.inject(url)
    expect(response.statusCode).toBe(200)
    for (const word of ['private-1', 'u1', 'Ann'])
      expect(response.body).not.toMatch(new RegExp(`\\b${word}\\b`))
  },
)

// One that is new is a door to be tried above, or open by decision.
test('the chat has no other routes', async () => {
  const { app } = await openWithUsers({ apiToken: API_TOKEN })
  expect(app.printRoutes({ commonPrefix: false }).trimEnd().split('\n')).toEqual([
    '├── /socket/websocket (GET) {"phoenix":"/socket/websocket"}',
    '│   /socket/websocket (DELETE, HEAD, OPTIONS, PATCH, POST, PUT)',
    '├── /socket/longpoll (GET) {"phoenix":"/socket/longpoll"}',
    '│   /socket/longpoll (POST, OPTIONS, DELETE, HEAD, PATCH, PUT)',
    '├── /healthz (GET, HEAD)',
    '├── /readyz (GET, HEAD)',
    '├── /metrics (GET, HEAD)',
    '├── /api/rooms (GET, HEAD)',
    '│   └── /:room (GET, HEAD)',
    '│       └── /messages (GET, HEAD, POST)',
    '├── /api/session (GET, HEAD)',
    '├── /admin/broadcast (POST)',
    '│   └── s (POST)',
    '├── /admin/topics (GET, HEAD)',
    '│   └── /:topic (GET, HEAD)',
    '│       ├── /history (GET, HEAD)',
    '│       └── /close (POST)',
    '├── /admin/sockets/:id/disconnect (POST)',
    '├── /admin/nodes (GET, HEAD)',
    '│   └── /:node/workers/:id/restart (POST)',
    '└── /docs (GET, HEAD)',
    '    ├── /openapi.json (GET, HEAD)',
    '    └── /asyncapi.json (GET, HEAD)',
  ])
})
