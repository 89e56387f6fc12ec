import { once } from 'node:events'
import { constants } from 'node:http2'
import fastify from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import {
  type ConnectInfo,
  defineSocket,
  defineUntypedChannel,
  type MountOptions,
  phoenix,
} from '../../../server/index.ts'
import { turn } from '../../helpers/deferred.ts'
import { answerOf, certificate, Http2Client } from '../../helpers/http2.ts'
import { until } from '../../helpers/until.ts'

const PATH = '/socket/longpoll?vsn=2.0.0'
const JOIN = '["1","1","room:m","phx_join",{}]'
const JOINED = '["1","1","room:m","phx_reply",{"response":{},"status":"ok"}]'

type Polled = { status: number; messages: string[]; token: string }

/** A server that speaks HTTP/2, with a client. */
async function serve(longpoll: MountOptions['longpoll'] = true) {
  const infos: ConnectInfo[] = []
  const socket = defineSocket({
    params: Type.Unsafe<Record<string, unknown>>({}),
    connect(params, info) {
      infos.push(info)
      return 'hang' in params ? new Promise<never>(() => {}) : { ok: {} }
    },
  }).channel(
    defineUntypedChannel('room:*', {
      join: () => ({ ok: {} }),
      handleIn: { echo: (payload) => ({ ok: payload }) },
    }),
  )
  const app = fastify({ http2: true, https: certificate })
  onTestFinished(() => app.close())
  await app.register(phoenix, {
    sockets: { '/socket': { socket, longpoll, connectInfo: ['peerData', 'uri'] } },
  })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, base, infos, client: new Http2Client(base) }
}

/** A server and one session on it. */
async function open(longpoll: MountOptions['longpoll'] = true) {
  const server = await serve(longpoll)
  const { token } = JSON.parse((await server.client.request(PATH)).body)
  const own = `${PATH}&token=${encodeURIComponent(token)}`
  const poll = async (): Promise<Polled> => JSON.parse((await server.client.request(own)).body)
  const post = async (body: string) =>
    JSON.parse((await server.client.request(own, { method: 'POST', body })).body)
  return { ...server, own, poll, post }
}

/** The server has a request that waits. */
async function arrival(server: { app: { server: NodeJS.EventEmitter } }): Promise<void> {
  await once(server.app.server, 'request')
  await turn()
}

test('a connection has the same limit of unanswered requests as over HTTP/1', async () => {
  const { client } = await serve()
  await client.request(PATH)
  expect(client.session.remoteSettings.maxConcurrentStreams).toBe(100)
})

test('a message is delivered once (LONGPOLL-4)', async () => {
  const session = await open()
  expect(await session.post(JOIN)).toEqual({ status: 200 })
  expect((await session.poll()).messages).toEqual([JOINED])
  for (const ref of [2, 3, 4]) {
    await session.post(`["1","${ref}","room:m","echo",${ref}]`)
    expect((await session.poll()).messages).toEqual([
      `["1","${ref}","room:m","phx_reply",{"response":${ref},"status":"ok"}]`,
    ])
  }
})

test.each([undefined, '', 'no type', 'text/plain; =', 'application/json'])(
  'a POST without a length is accepted, with the type %j (LONGPOLL-6)',
  async (type) => {
    const session = await open()
    const headers = type === undefined ? {} : { 'content-type': type }
    const answer = await session.client.request(session.own, { method: 'POST', headers, body: JOIN })
    expect(answer.body).toBe('{"status":200}')
    expect((await session.poll()).messages).toEqual([JOINED])
  },
)

test('the messages of a stream that breaks off are sent to the next poll (LONGPOLL-4)', async () => {
  const session = await open({ maxBufferedBytes: 4_000_000 })
  // More than a stream may have under way before its client reads.
  const large = 'x'.repeat(500_000)
  await session.post(`${JOIN}`)
  await session.post(`["1","2","room:m","echo","${large}"]`)
  const given = session.client.begin(session.own)
  await once(given, 'response')
  given.close(constants.NGHTTP2_CANCEL)
  await once(given, 'close')
  expect((await session.poll()).messages).toHaveLength(2)
})

test('a poll that the client gives up loses no messages', async () => {
  const session = await open()
  const given = session.client.begin(session.own)
  await arrival(session)
  given.close(constants.NGHTTP2_CANCEL)
  await once(given, 'close')
  await session.post(JOIN)
  expect((await session.poll()).messages).toEqual([JOINED])
})

test('connect gets the peer and the requested address', async () => {
  const { base, infos } = await open()
  expect(infos).toEqual([
    {
      peerData: { address: '127.0.0.1', port: expect.any(Number) },
      uri: {
        scheme: 'https',
        host: '127.0.0.1',
        port: Number(new URL(base).port),
        path: '/socket/longpoll',
        query: 'vsn=2.0.0',
      },
    },
  ])
})

test('a POST without a session is answered before its body has arrived, and its stream ends', async () => {
  const { client } = await serve()
  const stream = client.begin(`${PATH}&token=t`, { method: 'POST' })
  stream.write('x')
  const closed = once(stream, 'close')
  expect((await answerOf(stream)).body).toBe('{"status":410}')
  await closed
})

test('a body that does not arrive in time gets an empty 408, and its stream ends (LONGPOLL-7)', async () => {
  const session = await open({ bodyTimeout: 50 })
  const stream = session.client.begin(session.own, { method: 'POST' })
  stream.write('[')
  const closed = once(stream, 'close')
  expect(await answerOf(stream)).toMatchObject({ status: 408, body: '' })
  await closed
  expect(await session.post(JOIN)).toEqual({ status: 200 })
})

test('a body that breaks off passes on no frame', async () => {
  const session = await open()
  const stream = session.client.begin(session.own, { method: 'POST' })
  stream.write(JOIN)
  await arrival(session)
  // To close the stream alone would end its body well.
  session.client.session.destroy()
  const client = new Http2Client(session.base)
  const body = '[null,"2","phoenix","heartbeat",{}]'
  await client.request(session.own, { method: 'POST', body })
  expect(JSON.parse((await client.request(session.own)).body).messages).toEqual([
    '[null,"2","phoenix","phx_reply",{"response":{},"status":"ok"}]',
  ])
})

test('a server that drains refuses polls with 503, without headers that HTTP/2 does not have (LONGPOLL-10)', async () => {
  const warnings: Error[] = []
  const warned = (warning: Error) => void warnings.push(warning)
  process.on('warning', warned)
  onTestFinished(() => void process.off('warning', warned))
  const { app, client } = await serve()
  await app.endpoint.drain()
  for (const path of [PATH, '/elsewhere']) {
    const { status, headers, body } = await client.request(path)
    expect({ status, body }).toEqual({ status: 503, body: '' })
    expect(headers['retry-after']).toBe('1')
    expect(headers['connection']).toBeUndefined()
  }
  await turn()
  expect(warnings).toEqual([])
})

test('a server that stops answers a waiting poll and a connect that never ends, and closes', async () => {
  const session = await open()
  const waiting = answerOf(session.client.begin(session.own))
  await arrival(session)
  const hanging = answerOf(session.client.begin(`${PATH}&hang=1`))
  await until(() => session.infos.length === 2)
  await session.app.close()
  expect(JSON.parse((await waiting).body)).toMatchObject({ messages: [], status: 204 })
  expect(await hanging).toMatchObject({ status: 503, body: '' })
})

test('a server that stops does not wait for a body that never ends', async () => {
  const session = await open()
  const stream = session.client.begin(session.own, { method: 'POST' })
  stream.write('[')
  await arrival(session)
  const posted = answerOf(stream)
  await session.app.close()
  expect(await posted).toMatchObject({ status: 503, body: '' })
})

test('a request for a WebSocket gets 400 over HTTP/2', async () => {
  const { client } = await serve()
  const answer = await client.request('/socket/websocket?vsn=2.0.0')
  expect(answer).toMatchObject({ status: 400, body: "'connection' header must contain 'upgrade'" })
  expect(answer.headers['content-type']).toBeUndefined()
})
