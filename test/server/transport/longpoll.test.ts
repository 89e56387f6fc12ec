import { once } from 'node:events'
import { get, request as httpRequest } from 'node:http'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import {
  defineSocket,
  defineUntypedChannel,
  type MountOptions,
  type PhoenixOptions,
  phoenix,
  UsageError,
} from '../../../server/index.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { type RawRequest, request } from '../../helpers/raw-http.ts'

const JOIN = '["1","1","room:m","phx_join",{}]'
const JOINED = '["1","1","room:m","phx_reply",{"response":{},"status":"ok"}]'

type Polled = { status: number; messages: string[]; token: string }

/** What `wait` handlers wait for. */
type Gate = { open: Deferred }

const testSocket = (gate: Gate) =>
  defineSocket({
    params: Type.Unsafe<Record<string, unknown>>({}),
    connect(params) {
      if ('raise' in params) throw new Error('raised in connect')
      if ('hang' in params) return new Promise<never>(() => {})
      if ('refuse' in params) return { error: 'refused' }
      return { ok: { user: String(params['user'] ?? '') } }
    },
  })
    .id(({ user }) => user)
    .channel(
      defineUntypedChannel('room:*', {
        join: () => ({ ok: {} }),
        handleIn: {
          echo: (payload) => ({ ok: payload }),
          bytes: () => ({ ok: new Uint8Array([1]) }),
          wait: () => gate.open.promise,
          big: () => ({ ok: 'x'.repeat(200_000) }),
        },
      }),
    )

type Options = Omit<MountOptions, 'socket'> & {
  /** Options of the plugin. */
  plugin?: Partial<PhoenixOptions>
  server?: FastifyServerOptions
  prepare?: (app: FastifyInstance) => void
}

/** A server with long-poll at `/socket/longpoll`. */
async function serve({ plugin = {}, server = {}, prepare = () => {}, ...mount }: Options = {}) {
  const gate: Gate = { open: new Deferred() }
  const app = fastify(server)
  prepare(app)
  const sockets = { '/socket': { socket: testSocket(gate), longpoll: true, ...mount } }
  await app.register(phoenix, { sockets, ...plugin })
  onTestFinished(() => app.close())
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/socket/longpoll`
  return { app, gate, url }
}

/** A server and one session on it. */
async function open(options: Options = {}, query = 'vsn=2.0.0') {
  const server = await serve(options)
  const { token } = JSON.parse((await request(`${server.url}?${query}`)).body)
  const own = `${server.url}?${query}&token=${encodeURIComponent(token)}`
  const ask = async (given?: RawRequest) => JSON.parse((await request(own, given)).body)
  const poll = (): Promise<Polled> => ask()
  return {
    ...server,
    own,
    poll,
    /** A poll that has come to the server. */
    async pollAndWait(): Promise<{ polled: Promise<Polled> }> {
      const arrived = once(server.app.server, 'request')
      const polled = poll()
      await arrived
      await turn()
      return { polled }
    },
    post: (body: string, type = 'application/x-ndjson'): Promise<{ status: number }> =>
      ask({ method: 'POST', headers: { 'content-type': type }, body }),
  }
}

const echo = (ref: number) => `["1","${ref}","room:m","echo",${ref}]`

test('a query that cannot be read is an empty 400', async () => {
  const { url } = await serve()
  expect(await request(`${url}?vsn=2.0.0&a=%ff`)).toMatchObject({ status: 400, body: '' })
})

test('a connect that throws is an empty 500: a body would be taken for an answer', async () => {
  const { url } = await serve()
  const answer = await request(`${url}?vsn=2.0.0&raise=1`)
  expect(answer).toMatchObject({ status: 500, body: '' })
  expect(answer.headers['access-control-allow-origin']).toBe('*')
})

test("the mount's own answer to a refusal is not for long-poll", async () => {
  const { url } = await serve({ refuse: () => ({ status: 429, body: 'slow down' }) })
  expect(await request(`${url}?vsn=2.0.0&refuse=1`)).toMatchObject({ status: 200, body: '{"status":403}' })
})

test('an origin that may not connect is refused by every method', async () => {
  const { url } = await serve({ checkOrigin: ['//page.test'] })
  const headers = { origin: 'http://evil.test', 'content-type': 'text/plain' }
  for (const method of ['GET', 'POST', 'OPTIONS']) {
    const answer = await request(`${url}?vsn=2.0.0`, { method, headers })
    expect(answer).toMatchObject({ status: 200, body: '{"status":403}' })
    expect(answer.headers['access-control-allow-origin']).toBe('*')
  }
})

test('other methods are an empty 400, whatever they send', async () => {
  const { url } = await serve()
  const headers = { 'content-type': 'no type', 'content-length': '1' }
  for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH']) {
    const sent = method === 'HEAD' ? {} : { headers, body: '{' }
    expect(await request(url, { method, ...sent })).toMatchObject({ status: 400, body: '' })
  }
})

test('a POST whose content type is none is an empty 400', async () => {
  const session = await open()
  const headers = { 'content-type': 'no type' }
  const answer = await request(session.own, { method: 'POST', headers, body: JOIN })
  expect(answer).toMatchObject({ status: 400, body: '' })
})

test("the application's parsers, limits, serializers and hooks do not touch the bodies", async () => {
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

test('a body above the limit is an empty 400', async () => {
  const session = await open({ longpoll: { maxBodyBytes: 20 } })
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const answer = await request(session.own, { method: 'POST', headers, body: 'x'.repeat(21) })
    expect(answer).toMatchObject({ status: 400, body: '' })
  }
})

test('a POST without a session is answered before its body has come', async () => {
  const { url } = await serve()
  const headers = { 'content-length': '1000', 'content-type': 'text/plain' }
  const outgoing = httpRequest(`${url}?token=t`, { method: 'POST', headers })
  outgoing.on('error', () => {})
  outgoing.write('x')
  const [response] = await once(outgoing, 'response')
  expect(response.statusCode).toBe(200)
  outgoing.destroy()
})

test('a text frame that is no UTF-8 ends the session', async () => {
  const session = await open()
  const body = Buffer.concat([
    Buffer.from('["1","1","room:'),
    Buffer.from([0xff]),
    Buffer.from('","phx_join",{}]'),
  ])
  const answer = await request(session.own, { method: 'POST', body })
  expect(answer.body).toBe('{"status":408}')
  expect((await session.poll()).status).toBe(410)
})

test('a poll that the client gives up takes no messages with it', async () => {
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

test('an answer that could not be written is given to the next poll', async () => {
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

test('a poll that waits ends at once when its session is disconnected; the next finds no session', async () => {
  const session = await open({}, 'vsn=2.0.0&user=u1')
  const { polled } = await session.pollAndWait()
  await session.app.endpoint.disconnect('u1')
  expect((await polled).status).toBe(204)
  const next = await session.poll()
  expect(next).toEqual({ messages: [], status: 410, token: expect.any(String) })
  expect(next.token).not.toBe((await polled).token)
})

test('a POST is held while the queue of a busy channel is full (LONGPOLL-7)', async () => {
  const limits = { maxQueuedMessages: 2 }
  const session = await open({ plugin: { limits } })
  const waits = [2, 3, 4, 5].map((ref) => `["1","${ref}","room:m","wait",{}]`)
  let isAnswered = false
  const posted = session.post([JOIN, ...waits, echo(6)].join('\n')).then((answer) => {
    isAnswered = true
    return answer
  })
  expect((await session.poll()).messages).toEqual([JOINED])
  await request(session.url, { method: 'OPTIONS' })
  expect(isAnswered).toBe(false)
  session.gate.open.resolve()
  expect(await posted).toEqual({ status: 200 })
  expect((await session.poll()).messages).toEqual([
    '["1","6","room:m","phx_reply",{"response":6,"status":"ok"}]',
  ])
})

test('a POST that finds no room within the window is answered 408, and the session lives', async () => {
  const session = await open({ longpoll: { windowMs: 500 }, plugin: { limits: { maxQueuedMessages: 1 } } })
  const waits = [2, 3, 4].map((ref) => `["1","${ref}","room:m","wait",{}]`)
  const posted = session.post([JOIN, ...waits].join('\n'))
  expect((await session.poll()).messages).toEqual([JOINED])
  expect(await posted).toEqual({ status: 408 })
  expect((await session.poll()).status).toBe(204)
})

test('a client that does not poll is let go when too much waits for it (CLOSE-3)', async () => {
  const session = await open({ longpoll: { maxBufferedBytes: 150_000 } })
  expect(await session.post(`${JOIN}\n["1","2","room:m","big",{}]`)).toEqual({ status: 200 })
  expect(await session.post('["1","3","room:m","big",{}]')).toEqual({ status: 408 })
  expect((await session.poll()).status).toBe(410)
})

test('an answer in bytes is dropped; what comes after it is not (LONGPOLL-9)', async () => {
  const session = await open()
  await session.post(`${JOIN}\n["1","2","room:m","bytes",{}]\n${echo(3)}`)
  expect((await session.poll()).messages).toEqual([
    JOINED,
    '["1","3","room:m","phx_reply",{"response":3,"status":"ok"}]',
  ])
})

test("a token opens no session of another mount's (LONGPOLL-3)", async () => {
  const gate: Gate = { open: new Deferred() }
  const mount = { socket: testSocket(gate), longpoll: true }
  const session = await open({ plugin: { sockets: { '/socket': mount, '/other': mount } } })
  const other = session.own.replace('/socket/', '/other/')
  expect(await request(other, { method: 'POST', body: JOIN })).toMatchObject({ body: '{"status":410}' })
})

test('a token of another node opens no session here, although the secret is the same', async () => {
  const secret = 'the same secret on both'
  const session = await open({ plugin: { secret } })
  const other = await serve({ plugin: { secret } })
  const answer = await request(session.own.replace(session.url, other.url), { method: 'POST', body: JOIN })
  expect(answer.body).toBe('{"status":410}')
})

test('a secret that is too short is an error of the start', async () => {
  await expect(serve({ plugin: { secret: 'short' } })).rejects.toThrow(UsageError)
})

test('while the server drains a new client gets 503 and a Retry-After', async () => {
  const { app } = await serve()
  await app.endpoint.drain()
  const answer = await app.inject({ url: '/socket/longpoll?vsn=2.0.0' })
  expect(answer).toMatchObject({ statusCode: 503, body: '' })
  expect(answer.headers['retry-after']).toBe('1')
})

test('a server that stops ends the polls that wait, and closes', async () => {
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
  ['windowMs', 0],
  ['maxBodyBytes', -1],
  ['maxLines', 1.5],
  ['maxBufferedBytes', '1'],
])('the option longpoll.%s is not %j', async (name, value) => {
  await expect(serve({ longpoll: { [name]: value } })).rejects.toThrow(
    `longpoll.${name} is a positive integer`,
  )
})

test('the path can be another, with variables that connect is given', async () => {
  const { app } = await serve({ longpoll: { path: 'poll/:user' } })
  const answer = await app.inject({ url: '/socket/poll/u1?vsn=2.0.0' })
  expect(JSON.parse(answer.body).status).toBe(410)
  expect([...app.endpoint.sockets].map(({ id }) => id)).toEqual(['u1'])
})
