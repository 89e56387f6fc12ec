import type { FastifyInstance } from 'fastify'
import { type Channel, Socket } from 'phoenix'
import { expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { endAfterTest } from '../../helpers/official-socket.ts'
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
  endAfterTest(socket)
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

test('a room lists its members with the number of their connections', async () => {
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

test('a member who has left is not listed', async () => {
  const { app, enter } = await open()
  for (const channel of [await enter(ann), await enter({})]) channel.leave()

  // The official client does not wait for the server.
  await expect
    .poll(() => show(app, 'den'), { timeout: 5_000 })
    .toEqual({ room: 'den', members: [], guests: 0, count: 0 })
})

test('a room that nobody has joined has no members', async () => {
  const { app } = await openApp()
  expect(await show(app, 'a b/ü')).toEqual({ room: 'a b/ü', members: [], guests: 0, count: 0 })
})

test('a room does not list the members of other rooms', async () => {
  const { app, enter } = await open()
  await enter(ann, 'den')
  await enter(bob, 'attic')
  expect(await show(app, 'attic')).toMatchObject({ members: [{ name: 'Bob' }], count: 1 })
})

test('if a person has used two names, the latest one is listed', async () => {
  const { app, enter } = await open()
  await enter(ann)
  await enter({ ...ann, name: 'Anna' })
  expect(await show(app, 'den')).toMatchObject({ members: [{ name: 'Anna', connections: 2 }], count: 1 })
})

test.each([
  ['is too long', 'x'.repeat(65)],
  ['has a comma', 'a,b'],
  ['has a line break', 'a\nb'],
])('a room name that %s is refused with 400', async (_why, room) => {
  const { app } = await openApp()
  const response = await app.inject(`/api/rooms/${encodeURIComponent(room)}`)
  expect([response.statusCode, response.json()]).toMatchObject([400, { code: 'invalid_request' }])
})

test('rooms are listed in this order: the fixed ones, then by number of members, then by name', async () => {
  const { app, enter } = await open()
  for (const room of ['zoo', 'lobby', 'attic', 'pub', 'pub']) await enter({}, room)

  const response = await app.inject('/api/rooms')

  expect(response.json()).toEqual({ rooms: ['global', 'lobby', 'pub', 'attic', 'zoo'] })
})

test.each([
  ['limit=3', ['global', 'lobby', 'a']],
  ['limit=2&page=2', ['a', 'b']],
  ['limit=2&page=4', []],
])('%s lists one page of them', async (query, rooms) => {
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

test('requests within the same second get the same list, and rooms are not counted again', async () => {
  const { app } = await openApp()
  const topics = vi.spyOn(serverOf(app.endpoint).pubsub, 'topics')
  const asked = Array.from({ length: 50 }, () => app.inject('/api/rooms'))
  for (const answer of await Promise.all(asked)) expect(answer.statusCode).toBe(200)
  expect(topics.mock.calls.length).toBeLessThanOrEqual(2)
})

test('a message posted to a room reaches its members', async () => {
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

test('the messages of a room are returned in pages, with their sequence numbers and times', async () => {
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

test('a room without messages returns an empty list', async () => {
  const { app } = await openApp()
  expect(await read(app)).toMatchObject({ head: 0, messages: [], before: null })
})

test('messages that are not of the contract are omitted: an operator can broadcast any payload', async () => {
  const { app } = await openApp()
  for (const payload of [
    { text: 'maintenance at 10' },
    { body: '' },
    { body: 'hi', from: { id: 'c-ann' } },
  ]) {
    await app.endpoint.broadcast('room:den', 'new_msg', payload)
  }
  await say(app, 'hello')
  const page = await read(app)
  expect([bodies(page), page.head]).toEqual([['hello'], 4])
})

test.each(['limit=0', 'limit=101', 'before=0', 'before=-1', 'before=x'])(
  'a request for messages with %s is refused with 400',
  async (query) => {
    const { app } = await openApp()
    expect((await app.inject(`/api/rooms/den/messages?${query}`)).statusCode).toBe(400)
  },
)

test('only users who may enter a room can read its messages', async () => {
  const { app } = await openApp({ authSecret: AUTH_SECRET })
  const ask = async (rooms: string[]) => {
    const headers = { authorization: `Bearer ${await tokenFor('ann', { rooms })}` }
    return (await app.inject({ url: '/api/rooms/den/messages', headers })).statusCode
  }
  expect([await ask(['den']), await ask(['lobby'])]).toEqual([200, 403])
})

test('a request that is repeated with its key gets the same response, and its message is sent once', async () => {
  const { app } = await openApp()
  const answers = [await say(app, 'hello', 'k-1'), await say(app, 'hello', 'k-1')]

  expect(answers.map(({ statusCode, body }) => [statusCode, body])).toEqual(
    Array(2).fill([202, '{"ok":true}']),
  )
  expect(bodies(await read(app))).toEqual(['hello'])
})

test('another message with the same key is refused with 422', async () => {
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
