import { once } from 'node:events'
import { connect as connectTcp, type Socket as NetSocket } from 'node:net'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { defineSocket, defineUntypedChannel, type MountOptions, phoenix } from '../../../server/index.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'
import { listenTo } from '../../helpers/telemetry.ts'
import { until } from '../../helpers/until.ts'

const Room = defineUntypedChannel('room:*', { join: () => ({ ok: {} }) })
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)

async function serve(options: Partial<MountOptions> = {}) {
  const lines: string[] = []
  const app = fastify({
    logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } },
  })
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, ...options } } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `${base.replace('http', 'ws')}/socket/websocket`
  return { app, base, url, lines }
}

test('an accepted client can use the protocol at once', async () => {
  const { url } = await serve()
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send('["1","1","room:a","phx_join",{}]', '[null,"2","phoenix","heartbeat",{}]')
  expect([await client.next(), await client.next()]).toEqual([
    '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]',
    '[null,"2","phoenix","phx_reply",{"response":{},"status":"ok"}]',
  ])
})

test('frames that arrive together with the handshake are not lost', async () => {
  const { base } = await serve()
  const tcp = connectTcp(Number(new URL(base).port), '127.0.0.1')
  onTestFinished(() => void tcp.destroy())
  const frame = '[null,"1","phoenix","heartbeat",{}]'
  const masked = Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), Buffer.from(frame)])
  const key = Buffer.alloc(16).toString('base64')
  const head =
    `GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
  tcp.write(Buffer.concat([Buffer.from(head), masked]))
  const chunks: Buffer[] = []
  tcp.on('data', (chunk) => chunks.push(chunk))
  await until(() => String(Buffer.concat(chunks)).endsWith('{"response":{},"status":"ok"}]'))
})

test.each(['DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'GET'])(
  '%s without an upgrade is answered 400 (HANDSHAKE-2)',
  async (method) => {
    const { base } = await serve()
    const answer = await request(`${base}/socket/websocket`, { method })
    expect(answer.status).toBe(400)
    expect(answer.body).toBe(method === 'GET' ? "'connection' header must contain 'upgrade'" : '')
  },
)

test('a mount without WebSocket has no route for it', async () => {
  const { url } = await serve({ websocket: false })
  expect((await upgrade(url)).status).toBe(404)
})

test('the scope of a socket does not log a line for every connection', async () => {
  const { url, lines } = await serve()
  await (await connect(`${url}?vsn=2.0.0`)).nothing()
  expect(lines).toEqual([])
})

test('a client that leaves while connect is pending leaves no state behind', async () => {
  const [asked, answer] = [new Deferred(), new Deferred()]
  const socket = defineSocket({
    async connect() {
      asked.resolve()
      await answer.promise
      return { ok: {} }
    },
  })
  const { app, base } = await serve({ socket })
  const tcp = connectTcp(Number(new URL(base).port), '127.0.0.1')
  const [[peer]] = await Promise.all([once(app.server, 'connection'), once(tcp, 'connect')])
  tcp.write(
    'GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await asked.promise
  tcp.resetAndDestroy()
  await new Promise((resolve) => peer.once('close', resolve))
  answer.resolve()
  await turn().then(turn)
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test('a client that was accepted while the server drains is closed with 1012', async () => {
  const [asked, answer] = [new Deferred(), new Deferred()]
  const socket = defineSocket({
    async connect() {
      asked.resolve()
      await answer.promise
      return { ok: {} }
    },
  })
  const { app, url } = await serve({ socket })
  const client = connect(`${url}?vsn=2.0.0`)
  await asked.promise
  await app.endpoint.drain()
  answer.resolve()
  expect(await (await client).closed).toBe(1012)
  expect(serverOf(app.endpoint).sockets.size).toBe(0)
})

test('the mount chooses the response to a refused client', async () => {
  const socket = defineSocket({ connect: () => ({ error: 'slow down' }) })
  const { url } = await serve({
    socket,
    refuse: (reason) => ({ status: 429, headers: { 'retry-after': '7' }, body: String(reason) }),
  })
  expect(await upgrade(url)).toMatchObject({
    status: 429,
    headers: { 'retry-after': '7' },
    body: 'slow down',
  })
})

test('the mount can accept a refused client only to send it a close code (CONNECT-5)', async () => {
  const socket = defineSocket({ connect: () => ({ error: 'expired' }) })
  const { app, url } = await serve({ socket, refuse: (reason) => ({ close: 4001, reason: String(reason) }) })
  const client = await connect(`${url}?vsn=2.0.0`)
  const [code, reason] = await once(client.ws, 'close')
  expect([code, String(reason), serverOf(app.endpoint).sockets.size]).toEqual([4001, 'expired', 0])
})

test('a refuse that throws results in a plain 403, and is reported', async () => {
  const socket = defineSocket({ connect: () => ({ error: 'no' }) })
  const refuse = () => {
    throw new Error('boom')
  }
  const { url, lines } = await serve({ socket, refuse })
  expect(await upgrade(url)).toMatchObject({ status: 403, body: '' })
  expect(lines.join()).toContain('/socket: refuse failed: boom')
})

test('a refused or failed handshake ends the connection, so that closing does not wait for it', async () => {
  const socket = defineSocket({ connect: () => ({ error: 'no' }) })
  const { app, url } = await serve({ socket })
  for (const query of ['', '?vsn=9', '?a=%ff']) await upgrade(url + query)
  const connections = () => new Promise<number>((resolve) => app.server.getConnections((_, n) => resolve(n)))
  let open = await connections()
  await until(() => {
    void connections().then((count) => {
      open = count
    })
    return open === 0
  })
  expect(open).toBe(0)
})

test('permessage-deflate is negotiated only if the mount offers it', async () => {
  const [plain, compressing] = [await serve(), await serve({ websocket: { compress: true } })]
  const options = { perMessageDeflate: true }
  expect((await connect(`${plain.url}?vsn=2.0.0`, options)).ws.extensions).toBe('')
  const client = await connect(`${compressing.url}?vsn=2.0.0`, options)
  expect(client.ws.extensions).toContain('permessage-deflate')
  await client.nothing()
})

test('a message above the limit closes the connection with 1009, a message at the limit does not', async () => {
  const { url } = await serve({ websocket: { maxFrameSize: 100 } })
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send(`[null,"1","phoenix","heartbeat",{}${' '.repeat(63)}]`.padEnd(100))
  expect(await client.next()).toContain('"1"')
  client.send(' '.repeat(101))
  expect(await client.closed).toBe(1009)
})

test('no message may be larger than 1 MiB unless the mount allows it (CLOSE-1)', async () => {
  const { url } = await serve()
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send('[null,"1","phoenix","heartbeat",{}]'.padEnd(1_048_576))
  expect(await client.next()).toContain('"1"')
  // The announcement of 10 MB is enough.
  client.tcp?.write(Buffer.from('81ff000000000098968000000000', 'hex'))
  expect(await client.closed).toBe(1009)
})

const FRAGMENT = Buffer.from('01810000000078', 'hex')
const FURTHER = Buffer.from('00810000000078', 'hex')
/** Announces 65,535 bytes. */
const LONG = Buffer.from('81feffff00000000', 'hex')

test.each([
  { what: 'fragments', pieces: [FRAGMENT, ...Array<Buffer>(64).fill(FURTHER)] },
  { what: 'packets', pieces: [LONG, ...Array<Buffer>(1_025).fill(Buffer.from('x'))] },
])(
  'a message in too many $what closes the connection with 1008, however small it is (CLOSE-1)',
  async ({ pieces }) => {
    const { app, url } = await serve({ websocket: { maxFrameSize: 65_536 } })
    const ended = listenTo(telemetry.socketClosed)
    const [client, [net]] = await Promise.all([
      connect(`${url}?vsn=2.0.0`),
      once(app.server, 'connection') as Promise<[NetSocket]>,
    ])
    for (const piece of pieces) {
      expect(ended).toEqual([])
      client.tcp?.write(piece)
      await once(net, 'data')
    }
    expect(await client.closed).toBe(1008)
    await until(() => ended.length > 0)
    expect(ended).toMatchObject([{ code: 1008, by: 'server' }])
  },
)

test.each<[offered: string, shown: string | null, options: Partial<MountOptions>]>([
  ['TOKEN, sip, phoenix', 'sip, phoenix', { authToken: true }],
  ['TOKEN', null, { authToken: true }],
  ['sip,  phoenix', 'sip,  phoenix', { authToken: true }],
  ['b, a', 'b, a', { websocket: { subprotocols: ['a'] } }],
  ['b, a', 'b, a', {}],
])(
  'connect gets the sub-protocols that the client offers, without its token: %s (AUTH-8)',
  async (...given) => {
    const [offered, shown, options] = given
    const seen: unknown[] = []
    const socket = defineSocket({
      connectInfo: ['secWebsocketHeaders', 'headers'],
      async connect(_params, { secWebsocketHeaders, headers }) {
        const [, listed = null] =
          secWebsocketHeaders.find(([name]) => name === 'sec-websocket-protocol') ?? []
        seen.push(listed, headers['sec-websocket-protocol'] ?? null)
        return { ok: {} }
      },
    })
    const { url } = await serve({ socket, ...options })
    const header = offered.replace('TOKEN', 'base64url.bearer.phx.YWJj')
    expect((await upgrade(`${url}?vsn=2.0.0`, { 'sec-websocket-protocol': header })).status).toBe(101)
    expect(seen).toEqual([shown, shown])
  },
)

test('connect gets the token, and the server never repeats it (AUTH-2)', async () => {
  const seen: unknown[] = []
  const socket = defineSocket({
    connect(_params, info) {
      seen.push(info)
      return { ok: {} }
    },
  })
  const { url } = await serve({ socket, authToken: true, connectInfo: ['secWebsocketHeaders'] })
  const token = `base64url.bearer.phx.${Buffer.from('s3cret').toString('base64').replace(/=+$/, '')}`
  const client = await connect(`${url}?vsn=2.0.0`, { protocols: ['phoenix', token] })
  expect(client.ws.protocol).toBe('phoenix')
  expect(seen).toMatchObject([{ authToken: 's3cret' }])
  expect(JSON.stringify(seen)).not.toContain(token)
})
