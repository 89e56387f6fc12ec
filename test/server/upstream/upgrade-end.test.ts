import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import fastify, { type FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, phoenix } from '../../../server/index.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { certificate } from '../../helpers/http2.ts'
import { request } from '../../helpers/raw-http.ts'
import { until } from '../../helpers/until.ts'

const UserSocket = defineSocket({ connect: () => ({ ok: {} }) })
const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'
const WEBSOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
const UPGRADE = get('/socket/websocket?vsn=2.0.0', WEBSOCKET)

/** A server with the plugin and `/healthz`; `before` comes first. */
async function serve(before: (app: FastifyInstance) => void = () => undefined, socket = UserSocket) {
  const app = fastify()
  onTestFinished(() => app.close())
  before(app)
  await app.register(phoenix, { sockets: { '/socket': { socket, longpoll: true } } })
  app.get('/healthz', () => 'well')
  const open = new Set<Socket>()
  app.server.on('connection', (net: Socket) => {
    open.add(net)
    net.once('close', () => open.delete(net))
  })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  /** The client's end of a connection that has sent these bytes. */
  const say = (bytes: string) => {
    const tcp = connectTcp(Number(new URL(base).port), '127.0.0.1')
    onTestFinished(() => void tcp.destroy())
    tcp.write(bytes)
    return tcp
  }
  return { app, base, open, say }
}

/** Fifty clients that send these bytes and hang up. */
async function comeAndGo(say: (bytes: string) => Socket, bytes: string): Promise<void> {
  const clients = Array.from({ length: 50 }, () => say(bytes))
  for (const tcp of clients) tcp.end()
  await Promise.all(clients.map((tcp) => once(tcp.resume(), 'close')))
}

test.each([
  ['a WebSocket', UPGRADE],
  ['a WebSocket on an unknown path', get('/nobody', WEBSOCKET)],
  ['an upgrade that is refused', get('/socket/websocket', WEBSOCKET.replace('13', '8'))],
  ['h2c', get('/healthz', H2C)],
])(
  '%s behind a request in the same packet leaves no connection open (HANDSHAKE-6)',
  async (_title, upgrade) => {
    const { open, say } = await serve()
    await comeAndGo(say, get('/healthz') + upgrade)
    await until(() => open.size === 0)
  },
)

test.each([
  ['a WebSocket', UPGRADE],
  ['a WebSocket on an unknown path', get('/nobody', WEBSOCKET)],
  ['h2c', get('/healthz', H2C)],
])(
  'the client of %s behind several requests may hang up at any time (HANDSHAKE-6)',
  async (_title, upgrade) => {
    const { open, say } = await serve()
    const ends = [
      (tcp: Socket) => tcp.destroy(),
      (tcp: Socket) => tcp.resetAndDestroy(),
      (tcp: Socket) => tcp.end(),
    ]
    for (let n = 0; n < 90; n += 1) {
      const tcp = say(get('/healthz').repeat(1 + (n % 4)) + upgrade).resume()
      tcp.on('error', () => {})
      await once(tcp, 'connect')
      if (n % 2 === 0) await new Promise(setImmediate)
      ends[n % ends.length]?.(tcp)
      if (n % 5 === 0) await once(tcp, 'close')
    }
    await until(() => open.size === 0)
  },
)

test('upgrades behind requests are made when the requests are answered, in order (HANDSHAKE-6)', async () => {
  const answers = [new Deferred<string>(), new Deferred<string>()]
  const { open, say } = await serve((app) => app.get('/slow', () => answers.shift()?.promise ?? ''))
  const [first, second] = answers
  const tcp = say(get('/slow') + get('/slow') + UPGRADE)
  let heard = ''
  tcp.on('data', (bytes) => {
    heard += String(bytes)
  })
  await until(() => answers.length === 0)
  second?.resolve('two')
  first?.resolve('one')
  await until(() => heard.includes('101'))
  expect(heard.match(/HTTP\/1.1 \d+|one|two/g)).toEqual([
    'HTTP/1.1 200',
    'one',
    'HTTP/1.1 200',
    'two',
    'HTTP/1.1 101',
  ])
  tcp.destroy()
  await until(() => open.size === 0)
})

test('h2c behind a request is answered after it', async () => {
  const { say } = await serve()
  const heard = await text(
    say(get('/healthz') + get('/healthz', `${H2C}X: y\r\n`) + get('/nobody', WEBSOCKET)),
  )
  expect(heard.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404'])
})

test('h2c over TLS is answered as a plain request', async () => {
  const app = fastify({ https: certificate })
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  app.get('/healthz', () => 'well')
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const tls = connectTls({ port: Number(port), host: '127.0.0.1', ca: certificate.cert })
  onTestFinished(() => void tls.destroy())
  tls.write(get('/healthz', H2C))
  const [answer] = await once(tls, 'data')
  expect(String(answer)).toContain('HTTP/1.1 200 OK')
})

test('a kept connection that offers h2c with each request keeps its number of listeners', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  const ends: Socket[] = []
  app.server.on('connection', (net: Socket) => void ends.push(net))
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  app.get('/healthz', () => 'well')
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  const tcp = connectTcp(Number(port), '127.0.0.1')
  onTestFinished(() => void tcp.destroy())
  const counts: unknown[] = []
  for (let n = 1; n <= 4; n += 1) {
    tcp.write(get('/healthz', H2C))
    await once(tcp, 'data')
    await turn()
    counts.push(ends[0]?.eventNames().map((name) => [name, ends[0]?.listenerCount(name)]))
  }
  expect(counts.slice(1)).toEqual(Array(3).fill(counts[0]))
})

test('a client that hangs up while its earlier request is pending is released', async () => {
  const { open, say } = await serve((app) => app.get('/never', (_request, reply) => void reply.hijack()))
  await comeAndGo(say, get('/never') + UPGRADE)
  await until(() => open.size === 0)
})

test.each<[string, (app: FastifyInstance) => void]>([
  ['throws', (app) => app.addHook('onRequest', async () => Promise.reject(new Error('who are you')))],
  ['replies', (app) => app.addHook('onRequest', async (_request, reply) => reply.code(401).send())],
  [
    'replies later',
    (app) => {
      app.addHook('onRequest', (_request, reply) => {
        setImmediate(() => void reply.code(401).send())
      })
    },
  ],
  [
    'writes by itself',
    (app) => {
      app.addHook('preValidation', async (_request, reply) => {
        reply.hijack()
        await new Promise(setImmediate)
        reply.raw.writeHead(401).end()
      })
    },
  ],
])(
  'a hook of the application that %s ends the connection of an upgrade (HANDSHAKE-7)',
  async (_title, before) => {
    const { app, open, say } = await serve(before)
    const heard = await text(say(UPGRADE))
    expect(heard).toMatch(/^HTTP\/1.1 (401|500)/)
    await comeAndGo(say, UPGRADE)
    await until(() => open.size === 0)
    await app.close()
  },
)

test('an upgrade that Fastify cannot route ends its connection (HANDSHAKE-7)', async () => {
  const app = fastify({ genReqId: () => throwOf('no id') })
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': UserSocket } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const tcp = connectTcp(Number(new URL(base).port), '127.0.0.1')
  tcp.write(UPGRADE)
  await once(tcp.resume(), 'close')
})

function throwOf(message: string): never {
  throw new Error(message)
}

test('a stop ends the connections of unanswered upgrades (DRAIN-5)', async () => {
  const { app, open, say } = await serve((given) => {
    given.get('/never', (_request, reply) => void reply.hijack())
    given.addHook('onRequest', (incoming, _reply, done) => {
      if (incoming.headers['x-never'] === undefined) done()
    })
  })
  say(get('/socket/websocket', `X-Never: 1\r\n${WEBSOCKET}`))
  say(get('/never') + UPGRADE)
  await until(() => open.size === 2)
  await request(`${base(app)}/healthz`)
  await app.close()
  await until(() => open.size === 0)
})

function base(app: FastifyInstance): string {
  return app.listeningOrigin
}
