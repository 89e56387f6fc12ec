import fastify from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { Admin, type AdminOptions, admin, tokenMatcher } from '../../../server/admin/index.ts'
import {
  defineChannel,
  defineContract,
  defineSocket,
  defineUntypedChannel,
  phoenix,
} from '../../../server/index.ts'
import { connect } from '../../helpers/raw-client.ts'

const TOKEN = 'the-token-of-the-operator'
const UserSocket = defineSocket({ connect: ({ name }: { name?: string }) => ({ ok: { name } }) })
  .id(({ name }) => `user:${name}`)
  .channel(defineUntypedChannel('room:*', { join: () => ({ ok: {} }) }))

/** A public server, and the admin routes on a port of their own. */
async function open(options: Omit<AdminOptions, 'endpoint'> = { token: TOKEN }) {
  const [app, operator] = [fastify(), fastify()]
  onTestFinished(async () => {
    await Promise.all([app.close(), operator.close()])
  })
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  await operator.register(admin, { endpoint: app.endpoint, ...options })
  const url = (await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws')
  const call = async (method: 'GET' | 'POST', path: string, payload?: object) => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const response = await operator.inject({ method, url: path, headers, ...(payload && { payload }) })
    return { status: response.statusCode, body: response.json() }
  }
  const enter = async (topic: string, name = 'ann') => {
    const client = await connect(`${url}/socket/websocket?vsn=2.0.0&name=${name}`)
    client.send(`["1","1","${topic}","phx_join",{}]`)
    await client.next()
    return client
  }
  return { app, operator, call, enter }
}

test('POST /broadcast broadcasts an event', async () => {
  const { call, enter } = await open()
  const client = await enter('room:a')
  expect(
    await call('POST', '/broadcast', { topic: 'room:a', event: 'news', payload: { text: 'hi' } }),
  ).toEqual({
    status: 202,
    body: { ok: true },
  })
  expect(String(await client.next())).toBe('[null,null,"room:a","news",{"text":"hi"}]')
})

test('an event with a key is kept once, another payload for the key is refused, and the history can be read', async () => {
  const History = defineContract({
    topic: 'kept:*',
    outgoing: { news: Type.Object({ n: Type.Integer() }) },
    history: { size: 10, events: ['news'] },
  })
  const Kept = defineSocket({ connect: () => ({ ok: {} }) }).channel(
    defineChannel(History, { join: () => ({ ok: {} }) }),
  )
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': Kept } })
  await app.register(admin, { endpoint: app.endpoint, token: TOKEN, prefix: '/admin' })
  await app.ready()
  const post = async (n: number) => {
    const payload = { topic: 'kept:a', event: 'news', payload: { n }, key: 'once' }
    const headers = { authorization: `Bearer ${TOKEN}` }
    return (await app.inject({ method: 'POST', url: '/admin/broadcast', headers, payload })).statusCode
  }
  expect([await post(1), await post(1), await post(2)]).toEqual([202, 202, 422])
  const broadcasts = [1, 2].map((n) => ({ topic: 'kept:a', event: 'news', payload: { n }, key: 'once' }))
  const headers = { authorization: `Bearer ${TOKEN}` }
  const many = await app.inject({
    method: 'POST',
    url: '/admin/broadcasts',
    headers,
    payload: { broadcasts },
  })
  expect([many.statusCode, many.json().message]).toEqual([422, expect.stringMatching(/^broadcasts\[1\]: /)])
  const page = await app.endpoint.history(History, 'kept:a', { last: 5 })
  expect(page?.messages).toMatchObject([{ event: 'news', payload: { n: 1 } }])

  for (const n of [2, 3]) await app.endpoint.publish('kept:a', 'news', { n })
  const read = async (path: string) => {
    const response = await app.inject({ url: `/admin/topics/${path}`, headers })
    return [response.statusCode, response.json()]
  }
  const message = (n: number) => ({ seq: n, event: 'news', payload: { n }, at: expect.any(Number) })
  const part = { epoch: page?.epoch, head: 3 }
  expect(await read('kept:a/history?limit=2')).toEqual([
    200,
    { ...part, messages: [message(2), message(3)], before: 2 },
  ])
  expect(await read('kept:a/history?before=2')).toEqual([
    200,
    { ...part, messages: [message(1)], before: null },
  ])
  expect(await read('kept:a/history?limit=0')).toEqual([400, expect.anything()])
  expect(await read('room:a/history')).toEqual([
    404,
    expect.objectContaining({ message: '"room:a" has no history.' }),
  ])
})

test('several events are broadcast in their order', async () => {
  const { call, enter } = await open()
  const client = await enter('room:a')
  const broadcasts = [1, 2, 3].map((n) => ({ topic: 'room:a', event: 'news', payload: { n } }))
  expect((await call('POST', '/broadcasts', { broadcasts })).status).toBe(202)
  for (const n of [1, 2, 3]) expect(String(await client.next())).toContain(`{"n":${n}}`)
})

test.each([
  { topic: 'room:a', event: 'phx_close', payload: {} },
  { topic: 'room:a', event: 'news' },
  { topic: 'room:a', event: 'news', payload: [] },
  { topic: '', event: 'news', payload: {} },
  { topic: 5, event: 'news', payload: {} },
  { topic: 'room:a', event: 'news', payload: {}, kye: 'once' },
  { topic: 'room:\ud800', event: 'news', payload: {} },
  { topic: 'room:a', event: 'news', payload: { text: '\ud800' } },
])('an invalid broadcast is refused: %j', async (body) => {
  const { call } = await open()
  expect((await call('POST', '/broadcast', body)).status).toBe(400)
})

test('an unknown key or an empty socket id closes no channel, and without a body all of a topic are closed', async () => {
  const { call, enter } = await open()
  await enter('room:a', 'ann')
  await enter('room:a', 'bob')
  expect(await call('POST', '/topics/room:a/close', { socketid: 'user:bob' })).toMatchObject({ status: 400 })
  expect(await call('POST', '/topics/room:a/close', { socketId: '' })).toMatchObject({ status: 400 })
  expect((await call('POST', '/topics/room:a/close', { socketId: 'user:bob' })).body).toEqual({ closed: 1 })
  expect((await call('POST', '/topics/room:a/close')).body).toEqual({ closed: 1 })
})

test('an event of the protocol is refused by the functions, too', async () => {
  const { app } = await open()
  await expect(new Admin(app.endpoint).broadcast('room:a', 'phx_close', {})).rejects.toMatchObject({
    code: 'PHX_ERR_OPTION',
  })
})

test('every connection of a socket id is closed with 1001, and no other connection', async () => {
  const { call, enter } = await open()
  const [bob, ...anns] = [await enter('room:a', 'bob'), await enter('room:a'), await enter('room:b')]
  expect((await call('POST', '/sockets/user%3Aann/disconnect')).body).toEqual({ ok: true })
  expect(await Promise.all(anns.map(({ closed }) => closed))).toEqual([1001, 1001])
  bob?.send('[null,"1","phoenix","heartbeat",{}]')
  expect(String(await bob?.next())).toContain('"status":"ok"')
})

test('the name of a topic with channels is refused as a socket id', async () => {
  const { call, enter } = await open()
  const client = await enter('room:a')
  expect((await call('POST', '/sockets/room%3Aa/disconnect')).status).toBe(400)
  expect((await call('POST', '/sockets/a%0Ab/disconnect')).status).toBe(400)
  await client.nothing()
})

test('topics can be listed, read and closed', async () => {
  const { call, enter } = await open()
  const client = await enter('room:a')
  await enter('room:b')
  expect((await call('GET', '/topics?prefix=room:&limit=1')).body).toEqual({
    topics: [{ topic: 'room:a', count: 1 }],
    next: 'room:a',
  })
  expect((await call('GET', '/topics/room:a')).body).toEqual({ topic: 'room:a', count: 1, presences: {} })
  expect((await call('POST', '/topics/room:a/close', {})).body).toEqual({ closed: 1 })
  expect(String(await client.next())).toBe('["1","1","room:a","phx_close",{}]')
  expect((await call('GET', '/topics?limit=0')).status).toBe(400)
})

test('nodes can be listed', async () => {
  const { app, call } = await open()
  expect((await call('GET', '/nodes')).body).toMatchObject({
    nodes: [{ id: app.endpoint.nodeId, pid: process.pid }],
  })
})

test('requests above the rate limit of an address get 429', async () => {
  const { call } = await open({ token: TOKEN, rateLimit: 1 })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++) statuses.push((await call('GET', '/nodes')).status)
  expect(statuses).toEqual([200, 200, 429, 429])
})

test('requests without the token are refused', async () => {
  const { operator } = await open()
  const response = await operator.inject({ method: 'POST', url: '/broadcast', payload: {} })
  expect([response.statusCode, response.headers['www-authenticate']]).toEqual([401, 'Bearer'])
})

test('the plugin does not start without access control', async () => {
  await expect(open({})).rejects.toThrow('the option `token` or `authorize` is required')
})

test('tokenMatcher refuses an empty token', () => {
  expect(() => tokenMatcher('')).toThrow('tokenMatcher: the token must be a non-empty string (got "")')
})
