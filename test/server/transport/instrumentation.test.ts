import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { defineSocket, type MountOptions, phoenix } from '../../../server/index.ts'
import { connect as handshake } from '../../../server/socket/connect.ts'
import { Socket } from '../../../server/socket/socket.ts'
import { type TelemetryChannel, telemetry } from '../../../server/telemetry/telemetry.ts'
import { LongPollSession } from '../../../server/transport/longpoll-session.ts'
import { Outbox } from '../../../server/transport/outbox.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'
import { serveChannel } from '../../helpers/serve-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'
import { until } from '../../helpers/until.ts'

const UserSocket = defineSocket({
  connect({ mood }) {
    if (mood === 'crash') throw new Error('boom')
    return mood === 'bad' ? { error: 'grumpy' } : { ok: {} }
  },
}).id(() => 'u1')

/** A server of this socket, and its base URL. */
async function serve(options: Partial<MountOptions> = {}) {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, longpoll: true, ...options } } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, base, url: `${base.replace('http', 'ws')}/socket/websocket` }
}

test.each([
  ['websocket', (base: string) => connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0&n=1`)],
  ['longpoll', (base: string) => request(`${base}/socket/longpoll?vsn=2.0.0&n=1`)],
])('a handshake over %s is published before and after, then its connection', async (transport, come) => {
  const { app, base } = await serve()
  const before = listenTo(telemetry.socketConnecting)
  const after = listenTo(telemetry.socketConnected)
  const opened = listenTo(telemetry.socketOpened)
  await come(base)
  const operation = after[0]
  expect(before).toEqual([operation])
  expect(operation).toMatchObject({
    path: '/socket',
    transport,
    params: { vsn: '2.0.0', n: '1' },
    result: 'ok',
    refused: null,
    vsn: '2.0.0',
    id: 'u1',
  })
  expect(operation?.headers['host']).toBe(new URL(base).host)
  expect(operation?.duration).toBeGreaterThan(0)
  expect(operation?.endpoint).toBe(app.endpoint)
  expect(opened).toEqual([
    {
      endpoint: app.endpoint,
      socket: [...serverOf(app.endpoint).sockets][0],
      handshake: operation?.handshake,
    },
  ])
})

test.each([
  ['vsn', 'vsn=9', { result: 'error', reason: 'unsupported vsn' }],
  ['connect', 'vsn=2.0.0&mood=bad', { result: 'error', reason: 'grumpy' }],
  ['crash', 'vsn=2.0.0&mood=crash', { result: 'crash' }],
])('a handshake that is refused for its %s is published with the step', async (refused, query, told) => {
  const { app, base, url } = await serve()
  const connected = listenTo(telemetry.socketConnected)
  const refusals = listenTo(telemetry.socketRefused)
  await upgrade(`${url}?${query}`)
  await request(`${base}/socket/longpoll?${query}`)
  expect(connected).toMatchObject([
    { ...told, refused, transport: 'websocket', handshake: null },
    { ...told, refused, transport: 'longpoll', handshake: null },
  ])
  const { endpoint } = app
  expect(refusals).toEqual([
    { endpoint, path: '/socket', transport: 'websocket', refused },
    { endpoint, path: '/socket', transport: 'longpoll', refused },
  ])
})

test.each([
  ['origin', {}, { origin: 'http://evil.example' }, ''],
  ['query', {}, {}, '?vsn=%ff'],
  ['upgrade', {}, { 'sec-websocket-version': '8' }, ''],
  ['subprotocol', { websocket: { subprotocols: ['phoenix'] } }, { 'sec-websocket-protocol': 'mqtt' }, ''],
  ['subprotocol', { authToken: true }, { 'sec-websocket-protocol': 'phoenix, base64url.bearer.phx.!' }, ''],
])(
  'a client that is refused before the handshake is published with its %s',
  async (refused, options, headers, query) => {
    const { app, url } = await serve(options)
    const connected = listenTo(telemetry.socketConnected)
    const refusals = listenTo(telemetry.socketRefused)
    await upgrade(url + query, headers)
    expect(refusals).toEqual([{ endpoint: app.endpoint, path: '/socket', transport: 'websocket', refused }])
    expect(connected).toEqual([])
  },
)

/** Message about the end of the only connection. */
async function end<M>(channel: TelemetryChannel<M>, told = listenTo(channel)): Promise<M | undefined> {
  await until(() => told.length > 0)
  expect(told).toHaveLength(1)
  return told[0]
}

test.each([
  ['a client closes', 4001, 'client', (ws: WebSocketLike) => ws.close(4001)],
  ['a client closes without a code', 1005, 'client', (ws: WebSocketLike) => ws.close()],
  ['a connection breaks', 1006, 'client', (ws: WebSocketLike) => ws.terminate()],
  ['a frame cannot be decoded', 1011, 'server', (ws: WebSocketLike) => ws.send('x')],
  ['a message is too large', 1009, 'server', (ws: WebSocketLike) => ws.send('x'.repeat(2_000))],
])('when %s, this is published with the code and the side that closed', async (_what, code, by, act) => {
  const { app, base } = await serveChannel({}, { websocket: { maxFrameSize: 1_000 } })
  const told = listenTo(telemetry.socketClosed)
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  const socket = await until(() => serverOf(app.endpoint).sockets.size === 1).then(
    () => [...serverOf(app.endpoint).sockets][0],
  )
  act(client.ws)
  expect(await end(telemetry.socketClosed, told)).toEqual({
    endpoint: app.endpoint,
    socket,
    code,
    by,
    reason: 'closed',
  })
})

type WebSocketLike = { close(code?: number): void; terminate(): void; send(data: string): void }

test.each([
  ['text that is not UTF-8', 1007, Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff])],
  ['a frame of an unknown kind', 1002, Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
])(
  '%s closes the connection with the code of the protocol, which is published',
  async (_what, code, bytes) => {
    const { base } = await serveChannel({})
    const told = listenTo(telemetry.socketClosed)
    const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
    client.tcp?.write(bytes)
    expect(await end(telemetry.socketClosed, told)).toMatchObject({ code, by: 'server' })
  },
)

test('a close by the server is published with its code and its reason', async () => {
  const { app, base } = await serve()
  const told = listenTo(telemetry.socketClosed)
  await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  await app.endpoint.disconnect('u1')
  expect(await end(telemetry.socketClosed, told)).toMatchObject({
    code: 1001,
    by: 'server',
    reason: 'disconnected',
  })
})

test('a batch of connections that is drained is published before they are closed', async () => {
  const { app, base } = await serve({ drainer: { batchSize: 1, batchInterval: 1 } })
  await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  await request(`${base}/socket/longpoll?vsn=2.0.0`)
  const rounds = listenTo(telemetry.socketDrain)
  const closed = listenTo(telemetry.socketClosed)
  await app.endpoint.drain()
  const { endpoint } = app
  expect(rounds).toEqual([0, 1].map((index) => ({ endpoint, count: 1, total: 2, index, rounds: 2 })))
  expect(closed).toMatchObject([1012, 1012].map((code) => ({ code, by: 'server', reason: 'draining' })))
})

/** A long-poll session with a socket on it, and room for ten characters. */
async function openSession() {
  const endpoint = new TestEndpoint()
  const limits = { windowMs: 1_000, maxFrameSize: 10, maxBufferedBytes: 10 }
  const context = { limits, outbox: new Outbox(), sessions: new Map(), log: { warn() {} } }
  const session = new LongPollSession('s1', context)
  const shaken = await handshake(UserSocket, { params: { vsn: '2.0.0' }, info: {} }, endpoint)
  if ('refused' in shaken) throw new Error(shaken.refused)
  const socket = new Socket(endpoint, shaken, session)
  session.attach(socket)
  return { endpoint, session, socket }
}

test('a frame that long-poll cannot carry is published (LONGPOLL-9)', async () => {
  const { endpoint, session, socket } = await openSession()
  const told = listenTo(telemetry.frameDropped)
  const frame = new Frame('binary', Buffer.from([1]))
  session.send(frame)
  expect(told).toEqual([{ endpoint, socket, frame }])
})

test('a client that does not poll is published as slow, and the end of its session too (CLOSE-3)', async () => {
  const { endpoint, session, socket } = await openSession()
  const slow = listenTo(telemetry.slowConsumer)
  const closed = listenTo(telemetry.socketClosed)
  for (let n = 0; n < 2; n += 1) session.send(new Frame('text', 'x'.repeat(11)))
  expect(slow).toEqual([{ endpoint, socket, action: 'closed' }])
  expect(closed).toEqual([{ endpoint, socket, code: 1013, by: 'server', reason: 'closed' }])
})
