import { once } from 'node:events'
import { get } from 'node:http'
import type { FastifyReply } from 'fastify'
import { expect, test, vi } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { defineSocket, UsageError } from '../../../server/index.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { echo, type Gate, JOIN, JOINED, open, serve, testSocket } from '../../helpers/poll-server.ts'
import { request } from '../../helpers/raw-http.ts'
import { serveSocket } from '../../helpers/serve-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'
import { until } from '../../helpers/until.ts'

const boom = () => {
  throw new Error('boom')
}

test('a query that cannot be decoded gets an empty 400', async () => {
  const { url } = await serve()
  expect(await request(`${url}?vsn=2.0.0&a=%ff`)).toMatchObject({ status: 400, body: '' })
})

test('a connect that throws gets an empty 500, because clients would read a body as a response', async () => {
  const { url } = await serve()
  const answer = await request(`${url}?vsn=2.0.0&raise=1`)
  expect(answer).toMatchObject({ status: 500, body: '' })
  expect(answer.headers['access-control-allow-origin']).toBe('*')
})

test("the mount's option `refuse` is not used for long-poll", async () => {
  const { url } = await serve({ refuse: () => ({ status: 429, body: 'slow down' }) })
  expect(await request(`${url}?vsn=2.0.0&refuse=1`)).toMatchObject({ status: 200, body: '{"status":403}' })
})

test('an origin that may not connect is refused with every method', async () => {
  const { url } = await serve({ checkOrigin: ['//page.test'] })
  const headers = { origin: 'http://evil.test', 'content-type': 'text/plain' }
  for (const method of ['GET', 'POST', 'OPTIONS']) {
    const answer = await request(`${url}?vsn=2.0.0`, { method, headers })
    expect(answer).toMatchObject({ status: 200, body: '{"status":403}' })
    expect(answer.headers['access-control-allow-origin']).toBe('*')
  }
})

test('other methods get an empty 400, whatever they send', async () => {
  const { url } = await serve()
  const headers = { 'content-type': 'no type', 'content-length': '1' }
  for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH']) {
    const sent = method === 'HEAD' ? {} : { headers, body: '{' }
    expect(await request(url, { method, ...sent })).toMatchObject({ status: 400, body: '' })
  }
})

test("the application's parsers, limits, serializers and hooks do not affect the bodies", async () => {
  const session = await open({
    server: { bodyLimit: 10 },
    prepare(app) {
      app.removeAllContentTypeParsers()
      app.setReplySerializer(() => 'mine')
      app.addHook('preSerialization', async () => ({ wrapped: true }))
      app.setErrorHandler((_error, _request, reply) => reply.send('mine'))
    },
  })
  expect(await session.post(JOIN, 'application/json')).toEqual({ status: 200 })
  expect((await session.poll()).messages).toEqual([JOINED])
})

test('a poll that the client gives up loses no messages', async () => {
  const session = await open()
  const arrived = once(session.app.server, 'request')
  const given = get(session.own)
  given.on('error', () => {})
  const [{ socket }] = await arrived
  await turn()
  given.destroy()
  await once(socket, 'close')
  await session.post(JOIN)
  expect((await session.poll()).messages).toEqual([JOINED])
})

test('a response that could not be written is sent to the next poll', async () => {
  const session = await open({ longpoll: { maxFrameSize: 8_000_000, maxBufferedBytes: 32_000_000 } })
  // More than the kernel keeps for a client that does not read.
  const large = `"${'x'.repeat(7_000_000)}"`
  await session.post(`${JOIN}\n["1","2","room:m","echo",${large}]`)
  await session.post(`["1","3","room:m","echo",${large}]`)
  const given = get(session.own)
  given.on('error', () => {})
  const [response] = await once(given, 'response')
  response.on('error', () => {})
  response.destroy()
  await once(response, 'close')
  expect((await session.poll()).messages).toHaveLength(3)
})

test('a waiting poll ends at once when its session is disconnected, and the next finds no session', async () => {
  const session = await open({}, 'vsn=2.0.0&user=u1')
  const { polled } = await session.pollAndWait()
  await session.app.endpoint.disconnect('u1')
  expect((await polled).status).toBe(204)
  const next = await session.poll()
  expect(next).toEqual({ messages: [], status: 410, token: expect.any(String) })
  expect(next.token).not.toBe((await polled).token)
})

test('a client that does not poll is closed when too much waits for it (CLOSE-3)', async () => {
  const session = await open({ longpoll: { maxBufferedBytes: 150_000 } })
  expect(await session.post(`${JOIN}\n["1","2","room:m","big",{}]`)).toEqual({ status: 200 })
  expect(await session.post('["1","3","room:m","big",{}]')).toEqual({ status: 408 })
  expect((await session.poll()).status).toBe(410)
})

test('a reply in bytes is dropped; later frames are sent (LONGPOLL-9)', async () => {
  const session = await open()
  await session.post(`${JOIN}\n["1","2","room:m","bytes",{}]\n${echo(3)}`)
  expect((await session.poll()).messages).toEqual([
    JOINED,
    '["1","3","room:m","phx_reply",{"response":3,"status":"ok"}]',
  ])
})

test('a token opens no session of another mount (LONGPOLL-3)', async () => {
  const gate: Gate = { open: new Deferred() }
  const mount = { socket: testSocket(gate), longpoll: true }
  const session = await open({ plugin: { sockets: { '/socket': mount, '/other': mount } } })
  const other = session.own.replace('/socket/', '/other/')
  expect(await request(other, { method: 'POST', body: JOIN })).toMatchObject({ body: '{"status":410}' })
})

test('a token of another node opens no session here, even with the same secret', async () => {
  const secret = 'the same secret on both'
  const session = await open({ plugin: { secret } })
  const other = await serve({ plugin: { secret } })
  const answer = await request(session.own.replace(session.url, other.url), { method: 'POST', body: JOIN })
  expect(answer.body).toBe('{"status":410}')
})

test('a secret that is too short is an error at the start', async () => {
  await expect(serve({ plugin: { secret: 'short' } })).rejects.toThrow(UsageError)
})

test('while the server drains, a new client gets 503 and a Retry-After', async () => {
  const { app } = await serve()
  await app.endpoint.drain()
  const answer = await app.inject({ url: '/socket/longpoll?vsn=2.0.0' })
  expect(answer).toMatchObject({ statusCode: 503, body: '' })
  expect(answer.headers['retry-after']).toBe('1')
})

test('a server that stops ends waiting polls, and closes', async () => {
  const session = await open()
  const { polled } = await session.pollAndWait()
  await session.app.close()
  expect(await polled).toMatchObject({ messages: [], status: 204 })
})

test('a server that stops does not wait for a connect that never ends', async () => {
  const { app, url } = await serve()
  const arrived = once(app.server, 'request')
  const asked = request(`${url}?vsn=2.0.0&hang=1`)
  await arrived
  await turn()
  await app.close()
  expect(await asked).toMatchObject({ status: 503, body: '' })
})

test('a client that hangs up during connect opens no session', async () => {
  const answer = new Deferred<{ ok: object }>()
  const socket = defineSocket({ connect: () => answer.promise })
  const { app, base } = await serveSocket(socket, { longpoll: true })
  const asked = listenTo(telemetry.socketConnecting)
  const given = get(`${base}/socket/longpoll?vsn=2.0.0`).on('error', () => {})
  const [net] = await once(app.server, 'connection')
  await until(() => asked.length === 1)
  given.destroy()
  await once(net, 'close')
  answer.resolve({ ok: {} })
  await turn()
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test('a request whose address cannot be determined is answered once, also if the server stops later', async () => {
  const replies: FastifyReply[] = []
  const { app, url } = await serve({
    server: { trustProxy: () => boom() },
    prepare: (given) => given.addHook('onRequest', async (_request, reply) => void replies.push(reply)),
  })
  const answer = await request(`${url}?vsn=2.0.0`, { headers: { 'x-forwarded-for': '192.0.2.1' } })
  expect(answer).toMatchObject({ status: 500, body: '' })
  const sends = replies.map((reply) => vi.spyOn(reply, 'send'))
  await app.close()
  expect(sends.map((send) => send.mock.calls)).toEqual([[]])
})

test('polls are not logged, connects and refusals are', async () => {
  const lines: string[] = []
  const logger = { level: 'info', stream: { write: (line: string) => void lines.push(line) } }
  const session = await open({ server: { logger }, checkOrigin: ['//page.test'] })
  await session.post(JOIN)
  await session.poll()
  const told = lines.filter((line) => line.includes('longpoll'))
  expect(told.map((line) => JSON.parse(line).msg)).toEqual(['socket connected'])
  await request(`${session.url}?vsn=9.9.9`)
  expect(lines.filter((line) => line.includes('connection refused'))).toHaveLength(1)
})

test.each([
  ['maxBodyBytes', -1],
  ['maxWaitingPosts', 0.5],
  ['maxLines', 1.5],
  ['maxBufferedBytes', '1'],
])('the option longpoll.%s cannot be %j', async (name, value) => {
  await expect(serve({ longpoll: { [name]: value } })).rejects.toThrow(
    `\`longpoll.${name}\` must be a positive integer`,
  )
})

test.each(['windowMs', 'bodyTimeout'])('the option longpoll.%s must fit a timer', async (name) => {
  for (const value of [0, 2 ** 31]) {
    await expect(serve({ longpoll: { [name]: value } })).rejects.toThrow(
      `\`longpoll.${name}\` must be an integer number of milliseconds from 1 to 2147483647`,
    )
  }
})

test('the path is configurable, with variables that connect gets', async () => {
  const { app } = await serve({ longpoll: { path: 'poll/:user' } })
  const answer = await app.inject({ url: '/socket/poll/u1?vsn=2.0.0' })
  expect(JSON.parse(answer.body).status).toBe(410)
  expect([...serverOf(app.endpoint).sockets].map(({ id }) => id)).toEqual(['u1'])
})
