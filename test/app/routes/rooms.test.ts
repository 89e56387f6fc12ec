import type { FastifyInstance } from 'fastify'
import { type Channel, Socket } from 'phoenix'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { openApp } from '../../helpers/open-app.ts'
import { AUTH_SECRET, authSecret, bearer, type Person, signedIn, tokenFor } from '../../helpers/tokens.ts'

async function open() {
  const { app } = await openApp()
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, enter: (params: Person, room = 'den') => enter(url, params, room) }
}

/** A client of its own joins the room; gives its channel. */
async function enter(url: string, params: Person, room: string): Promise<Channel> {
  // Node 20 has no WebSocket of its own.
  const transport = WebSocket as unknown as typeof globalThis.WebSocket
  const socket = new Socket(`${url.replace('http', 'ws')}/socket`, { transport, params: signedIn(params) })
  onTestFinished(() => new Promise<void>((resolve) => socket.disconnect(resolve)))
  socket.connect()
  const channel = socket.channel(`room:${room}`, params)
  // A person is counted when they are told so, a guest when the server has answered.
  const state = new Promise<void>((resolve) => channel.on('presence_state', () => resolve()))
  await new Promise((resolve, reject) => channel.join().receive('ok', resolve).receive('error', reject))
  if ('name' in params) await state
  return channel
}

async function show(app: FastifyInstance, room: string): Promise<unknown> {
  const response = await app.inject(`/api/rooms/${encodeURIComponent(room)}`)
  expect(response.statusCode).toBe(200)
  return response.json()
}

const ann = { name: 'Ann', client: 'c-ann' }
const bob = { name: 'Bob', client: 'c-bob' }

test('a room shows people with their connections', async () => {
  const { app, enter } = await open()
  for (const params of [ann, bob, ann]) await enter(params)

  expect(await show(app, 'den')).toEqual({
    room: 'den',
    members: [
      { name: 'Ann', connections: 2 },
      { name: 'Bob', connections: 1 },
    ],
    guests: 0,
    count: 2,
  })
})

test('who has left is not shown', async () => {
  const { app, enter } = await open()
  for (const channel of [await enter(ann), await enter({})]) channel.leave()

  // The official client does not wait for the server.
  await expect
    .poll(() => show(app, 'den'), { timeout: 5_000 })
    .toEqual({ room: 'den', members: [], guests: 0, count: 0 })
})

test('a room in which nobody ever was shows nobody', async () => {
  const { app } = await openApp()
  expect(await show(app, 'a b/ü')).toEqual({ room: 'a b/ü', members: [], guests: 0, count: 0 })
})

test('rooms do not show each other’s people', async () => {
  const { app, enter } = await open()
  await enter(ann, 'den')
  await enter(bob, 'attic')
  expect(await show(app, 'attic')).toMatchObject({ members: [{ name: 'Bob' }], count: 1 })
})

test('of a person with two names the latest is shown', async () => {
  const { app, enter } = await open()
  await enter(ann)
  await enter({ ...ann, name: 'Anna' })
  expect(await show(app, 'den')).toMatchObject({ members: [{ name: 'Anna', connections: 2 }], count: 1 })
})

test.each([
  ['is too long', 'x'.repeat(65)],
  ['has a comma', 'a,b'],
  ['has a line break', 'a\nb'],
])('a room whose name %s is refused with 400', async (_why, room) => {
  const { app } = await openApp()
  const response = await app.inject(`/api/rooms/${encodeURIComponent(room)}`)
  expect([response.statusCode, response.json()]).toMatchObject([400, { code: 'invalid_request' }])
})

test('rooms are listed: the fixed ones, then those with most members, then by name', async () => {
  const { app, enter } = await open()
  for (const room of ['zoo', 'lobby', 'attic', 'pub', 'pub']) await enter({}, room)

  const response = await app.inject('/api/rooms')

  expect(response.json()).toEqual({ rooms: ['global', 'lobby', 'pub', 'attic', 'zoo'] })
})

test.each([
  ['limit=3', ['global', 'lobby', 'a']],
  ['limit=2&page=2', ['a', 'b']],
  ['limit=2&page=4', []],
])('%s lists a part of them', async (query, rooms) => {
  const { app, enter } = await open()
  for (const room of ['a', 'b', 'c']) await enter({}, room)
  expect((await app.inject(`/api/rooms?${query}`)).json()).toEqual({ rooms })
})

test.each(['limit=0', 'limit=101', 'limit=1e1', 'limit=', 'page=0', 'page=11', 'limit=1&limit=2'])(
  '%s is refused with 400',
  async (query) => {
    const { app } = await openApp()
    expect((await app.inject(`/api/rooms?${query}`)).statusCode).toBe(400)
  },
)

test('who asks within the same second gets the same answer, and nobody counts again', async () => {
  const { app } = await openApp()
  const topics = vi.spyOn(serverOf(app.endpoint).pubsub, 'topics')
  const asked = Array.from({ length: 50 }, () => app.inject('/api/rooms'))
  for (const answer of await Promise.all(asked)) expect(answer.statusCode).toBe(200)
  expect(topics.mock.calls.length).toBeLessThanOrEqual(2)
})

test('a message posted to a room reaches those in it', async () => {
  const { app, enter } = await open()
  const channel = await enter({})
  const heard = new Promise((resolve) => channel.on('new_msg', resolve))

  const payload = { body: 'hello' }
  const response = await app.inject({ method: 'POST', url: '/api/rooms/den/messages', payload })

  expect([response.statusCode, response.json()]).toEqual([202, { ok: true }])
  // With a token the message carries its user.
  const from = authSecret === null ? {} : { from: { id: 'somebody', name: 'Somebody' } }
  expect(await heard).toEqual({ body: 'hello', ...from })
})

test.each([
  ['without a text', {}],
  ['with an empty text', { body: '' }],
  ['of 4,001 characters', { body: 'x'.repeat(4_001) }],
  ['that is a number', { body: 7 }],
])('a message %s is refused with 400', async (_what, payload) => {
  const { app } = await openApp()
  const response = await app.inject({ method: 'POST', url: '/api/rooms/den/messages', payload })
  expect(response.statusCode).toBe(400)
})

test.each([['"\\ud800"'], ['"a\\udfffb"'], ['"\\ude00\\ud83d"']])(
  'a message with half of a surrogate pair is refused with 400: %s (FRAME-10)',
  async (body) => {
    const { app } = await openApp()
    const response = await app.inject({
      method: 'POST',
      url: '/api/rooms/den/messages',
      headers: { 'content-type': 'application/json' },
      payload: `{"body":${body}}`,
    })
    expect([response.statusCode, response.json()]).toMatchObject([400, { code: 'invalid_request' }])
  },
)

/** Send a message into the den over HTTP. */
const say = (app: FastifyInstance, body: string, key?: string, client = 'ann') =>
  app.inject({
    method: 'POST',
    url: '/api/rooms/den/messages',
    headers: { ...bearer({ client }), ...(key !== undefined && { 'idempotency-key': key }) },
    payload: { body },
  })

async function read(app: FastifyInstance, query = '') {
  const response = await app.inject(`/api/rooms/den/messages${query}`)
  expect(response.statusCode).toBe(200)
  return response.json()
}

const bodies = ({ messages }: { messages: { payload: { body: string } }[] }) =>
  messages.map(({ payload }) => payload.body)

test('the messages of a room are read with their places and times, a page at a time', async () => {
  const { app } = await openApp()
  const before = Date.now()
  for (const body of ['one', 'two', 'three']) await say(app, body)

  const page = await read(app, '?limit=2')
  expect(page).toMatchObject({ epoch: expect.stringMatching(/^\d+$/), head: 3, before: 2 })
  expect(page.messages).toMatchObject([
    { seq: 2, event: 'new_msg', payload: { body: 'two' } },
    { seq: 3, event: 'new_msg', payload: { body: 'three' } },
  ])
  for (const { at } of page.messages) {
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now())
  }
  const older = await read(app, '?limit=2&before=2')
  expect([bodies(older), older.before]).toEqual([['one'], null])
})

test('a room in which nothing was said has no messages', async () => {
  const { app } = await openApp()
  expect(await read(app)).toMatchObject({ head: 0, messages: [], before: null })
})

test.each(['limit=0', 'limit=101', 'before=0', 'before=-1', 'before=x'])(
  'messages with %s are refused with 400',
  async (query) => {
    const { app } = await openApp()
    expect((await app.inject(`/api/rooms/den/messages?${query}`)).statusCode).toBe(400)
  },
)

test('the messages of a room are read only by users who may enter it', async () => {
  const { app } = await openApp({ authSecret: AUTH_SECRET })
  const ask = async (rooms: string[]) => {
    const headers = { authorization: `Bearer ${await tokenFor('ann', { rooms })}` }
    return (await app.inject({ url: '/api/rooms/den/messages', headers })).statusCode
  }
  expect([await ask(['den']), await ask(['lobby'])]).toEqual([200, 403])
})

test('a message that is repeated under its key is answered the same, and said once', async () => {
  const { app } = await openApp()
  const answers = [await say(app, 'hello', 'k-1'), await say(app, 'hello', 'k-1')]

  expect(answers.map(({ statusCode, body }) => [statusCode, body])).toEqual(
    Array(2).fill([202, '{"ok":true}']),
  )
  expect(bodies(await read(app))).toEqual(['hello'])
})

test('another message under the same key is refused with 422', async () => {
  const { app } = await openApp()
  await say(app, 'hello', 'k-1')
  const refused = await say(app, 'good bye', 'k-1')

  expect([refused.statusCode, refused.json()]).toMatchObject([422, { code: 'key_reused' }])
  expect(bodies(await read(app))).toEqual(['hello'])
})

test('a message that the history cannot confirm is answered 503', async () => {
  const { app } = await openApp()
  await app.ready()
  await serverOf(app.endpoint).pubsub.stop()
  expect((await say(app, 'hello', 'k-1')).statusCode).toBe(503)
})
