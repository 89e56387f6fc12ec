import { connect as connectTcp } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import websocketPlugin from '@fastify/websocket'
import fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { WebSocket } from 'ws'
import type { Engine } from '../../server/engine/engine.ts'
import { LocalEngine } from '../../server/engine/local-engine.ts'
import { UsageError } from '../../server/errors.ts'
import {
  defineContract,
  definePresence,
  defineSocket,
  defineUntypedChannel,
  type Endpoint,
  type PhoenixOptions,
  phoenix,
} from '../../server/index.ts'
import { metrics } from '../../server/metrics/index.ts'
import { tracing } from '../../server/tracing/index.ts'
import { MemoryEngine, MemoryNodes } from '../helpers/memory-nodes.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { request, upgrade, upgradeHeaders } from '../helpers/raw-http.ts'

const Room = defineUntypedChannel('room:*', { join: () => ({ ok: {} }) })
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)
const sockets = { '/socket': UserSocket }
const JOIN = '["1","1","room:a","phx_join",{}]'
const JOINED = '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'

function server(): FastifyInstance {
  const app = fastify()
  onTestFinished(() => app.close())
  return app
}

const listen = (app: FastifyInstance) => app.listen({ port: 0, host: '127.0.0.1' })

/** A client that has joined `room:a` at this path. */
async function joined(base: string, path = '/socket/websocket'): Promise<RawClient> {
  const client = await connect(`${base.replace('http', 'ws')}${path}?vsn=2.0.0`)
  client.send(JOIN)
  expect(await client.next()).toBe(JOINED)
  return client
}

describe('options', () => {
  test.each([
    { application: {}, plugin: {}, requestTimeout: 300_000 },
    { application: {}, plugin: { requestTimeout: 5_000 }, requestTimeout: 5_000 },
    { application: {}, plugin: { requestTimeout: 0 }, requestTimeout: 0 },
    { application: { requestTimeout: 9_000 }, plugin: { requestTimeout: 5_000 }, requestTimeout: 9_000 },
  ])(
    'set the request timeout to $requestTimeout ms (LONGPOLL-2)',
    async ({ application, plugin, requestTimeout }) => {
      const app = fastify(application)
      onTestFinished(() => app.close())
      await app.register(phoenix, { sockets, ...plugin })
      await app.ready()
      expect(app.server.requestTimeout).toBe(requestTimeout)
    },
  )

  test('answer 408 to a request whose body does not arrive (LONGPOLL-2)', async () => {
    const app = fastify({ http: { connectionsCheckingInterval: 20 } })
    onTestFinished(() => app.close())
    const polled = { '/socket': { socket: UserSocket, longpoll: true } }
    await app.register(phoenix, { sockets: polled, requestTimeout: 50 })
    const base = await listen(app)
    const { token } = JSON.parse((await request(`${base}/socket/longpoll?vsn=2.0.0`)).body)
    const tcp = connectTcp(Number(new URL(base).port), '127.0.0.1')
    tcp.write(
      `POST /socket/longpoll?vsn=2.0.0&token=${token} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12345678`,
    )
    expect(await text(tcp)).toMatch(/^HTTP\/1.1 408 /)
  })

  test('require a secret for an engine with long-poll, but not for an engine without it (LONGPOLL-11)', async () => {
    const engine = () => new MemoryEngine(new MemoryNodes('n', new Map()))
    const polled = { '/socket': { socket: UserSocket, longpoll: true } }
    const register = async (options: PhoenixOptions) => void (await server().register(phoenix, options))
    await expect(register({ sockets: polled, engine: engine() })).rejects.toThrow(
      'phoenix: `secret` must be set: all nodes that serve long-poll need the same secret of at least 20 bytes',
    )
    await register({ sockets: polled, engine: engine(), secret: 'a secret of twenty bytes' })
    await register({ sockets, engine: engine() })
    await register({ sockets: polled, engine: new LocalEngine() })
  })

  test.each<[unknown, string]>([
    [
      {},
      "phoenix: `sockets` must be a plain object that maps paths to sockets, e.g. { '/socket': UserSocket } (got undefined)",
    ],
    [{ sockets: null }, '`sockets` must be a plain object that maps paths to sockets'],
    [Object.create({ sockets }), 'must be a plain object (got an object that inherits from another object)'],
    [
      { sockets: { '/socket': {} } },
      'mount "/socket": `socket` must be the result of defineSocket (got undefined)',
    ],
    [{ sockets: { socket: UserSocket } }, 'mount path must start with "/" (got "socket")'],
    [
      { sockets, limits: { maxChannels: 0 } },
      'phoenix: `limits.maxChannels` must be a positive integer (got 0)',
    ],
    [{ sockets, limits: { channels: 1 } }, '`limits` has an unknown key "channels"'],
    [
      { sockets, prefix: '/api' },
      'unknown key "prefix" (an option of Fastify; register phoenix in a scope that has this option: `app.register(async (scope) => scope.register(phoenix, { … }), { prefix: … })`)',
    ],
    [{ sockets, onGaps: 'rejoin' }, 'has an unknown key "onGaps" (did you mean "onGap"?)'],
    [{ sockets, secret: 'short' }, '`secret` must be a string of at least 20 bytes (got 5 bytes)'],
  ])('that are invalid end the start with a message: %#', async (options, message) => {
    const start = async () => server().register(phoenix, options as PhoenixOptions)
    await expect(start()).rejects.toThrow(UsageError)
    await expect(start()).rejects.toThrow(message)
  })

  test('that mount two sockets on one path end the start', async () => {
    const both = { '/socket': UserSocket, '/socket/': UserSocket }
    await expect(async () => server().register(phoenix, { sockets: both })).rejects.toThrow(
      'already declared',
    )
  })
})

test('routes and workers can use the endpoint', async () => {
  const app = server()
  await app.register(phoenix, { sockets })
  app.post('/say', async () => {
    await app.endpoint.broadcast('room:a', 'said', { n: 1 })
    return app.endpoint.localTopics()
  })
  const base = await listen(app)
  const client = await joined(base)
  expect((await app.inject({ method: 'POST', url: '/say' })).json()).toEqual(['room:a'])
  expect(await client.next()).toBe('[null,null,"room:a","said",{"n":1}]')
})

function unconnected(start: Engine['start']): Engine {
  const { adapter, openPresence, nodes, stop, claim } = new LocalEngine()
  return { adapter, openPresence, nodes, stop, claim, state: 'connecting', start }
}

test("a server whose engine is not connected starts within Fastify's pluginTimeout", async () => {
  const app = fastify({ pluginTimeout: 500 })
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets, engine: unconnected(() => {}) })
  expect(await listen(app)).toMatch(/^http/)
})

test('a server listens as soon as its engine is connected, and waits only a second for one that is not', async () => {
  let connect = () => {}
  const slow = unconnected(({ stateChanged }) => {
    connect = () => stateChanged?.('up')
  })
  const [app, other] = [server(), server()]
  await app.register(phoenix, { sockets, engine: slow })
  await other.register(phoenix, { sockets, engine: unconnected(() => {}) })
  let isListening = false
  const listening = listen(app).then(() => {
    isListening = true
  })
  const startedAt = performance.now()
  await delay(200)
  expect(isListening).toBe(false)
  connect()
  await listening
  await listen(other)
  expect(performance.now() - startedAt).toBeGreaterThan(1_000)
})

test('registering the plugin twice in one scope is an error with a message', async () => {
  const app = server()
  await app.register(phoenix, { sockets })
  const again = async () => void (await app.register(phoenix, { sockets: { '/admin': UserSocket } }))
  await expect(again()).rejects.toMatchObject({
    code: 'PHX_ERR_PLUGIN_TWICE',
    message: 'phoenix is registered in this scope already; register it once, with all sockets',
  })
})

test('a decorator `endpoint` of another plugin is an error with a message', async () => {
  const app = server()
  app.decorate('endpoint', 'theirs' as never)
  const register = async () => void (await app.register(phoenix, { sockets }))
  await expect(register()).rejects.toMatchObject({
    code: 'PHX_ERR_PLUGIN_TWICE',
    message: expect.stringContaining('which another plugin has taken'),
  })
})

describe('without `await` before register there is no endpoint yet, and the error says so', () => {
  const Office = defineContract({ topic: 'office:*', presence: Type.Object({}) })
  const OfficePresence = definePresence(Office)
  test.each<[string, (endpoint: Endpoint) => unknown]>([
    ['metrics', (endpoint) => metrics(endpoint)],
    ['tracing', (endpoint) => tracing(endpoint)],
    ['presence "office:*"', (endpoint) => OfficePresence.list(endpoint, 'office:a')],
    ['presence "office:*"', (endpoint) => OfficePresence.open(endpoint)],
  ])('%s', async (name, use) => {
    const app = server()
    const registered = app.register(phoenix, { sockets })
    expect(() => use(app.endpoint)).toThrow(
      `${name}: the endpoint must be \`app.endpoint\`, set by \`await app.register(phoenix, …)\` (got undefined)`,
    )
    await registered
  })
})

test('two servers in one process are independent', async () => {
  const apps = [server(), server()]
  for (const app of apps) await app.register(phoenix, { sockets })
  const clients = await Promise.all(apps.map(async (app) => joined(await listen(app))))
  await apps[0]?.endpoint.broadcast('room:a', 'said', {})
  expect(await clients[0]?.next()).toContain('said')
  await clients[1]?.nothing()
})

test('in a scope with a prefix, the sockets are below the prefix, and the endpoint belongs to the scope', async () => {
  const app = server()
  await app.register(async (scope) => scope.register(phoenix, { sockets }), { prefix: '/v1' })
  const base = await listen(app)
  const client = await joined(base, '/v1/socket/websocket')
  expect(app.hasDecorator('endpoint')).toBe(false)
  expect((await upgrade(`${base}/socket/websocket?vsn=2.0.0`)).status).toBe(404)
  await client.nothing()
})

test('two systems on one server each have their own sockets', async () => {
  const app = server()
  for (const prefix of ['/one', '/two']) {
    await app.register(async (scope) => scope.register(phoenix, { sockets }), { prefix })
  }
  const base = await listen(app)
  await joined(base, '/one/socket/websocket')
  await joined(base, '/two/socket/websocket')
  expect((await upgrade(`${base}/three/socket/websocket`)).status).toBe(404)
})

describe('upgrades', () => {
  test('to a path that is not a mount are logged once a second, with the path and the mounts of all systems', async () => {
    const lines: object[] = []
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const app = fastify({ logger: { level: 'warn', stream } })
    onTestFinished(() => app.close())
    await app.register(phoenix, { sockets })
    await app.register(async (scope) => scope.register(phoenix, { sockets }), { prefix: '/v1' })
    const base = await listen(app)
    for (let n = 0; n < 20; n += 1) await upgrade(`${base}/sokcet/websocket?token=t0p`)
    await joined(base)
    await app.close()
    expect(lines[0]).toMatchObject({
      level: 40,
      path: '/sokcet/websocket',
      mounts: ['/v1/socket/websocket', '/socket/websocket'],
      count: 1,
      msg: 'upgrade refused: no mount has this path',
    })
    expect(lines.length).toBeLessThan(20)
    expect(JSON.stringify(lines)).not.toContain('t0p')
  })

  test('on another route are answered 404, and the route works', async () => {
    const app = server()
    await app.register(phoenix, { sockets })
    app.get('/api', () => 'hello')
    const base = await listen(app)
    expect((await upgrade(`${base}/api`)).status).toBe(404)
    expect((await request(`${base}/api`)).body).toBe('hello')
  })

  test.each(['/socket/websocket/', '//socket/websocket', '/socket/%77ebsocket', '/SOCKET/websocket'])(
    'on an odd spelling of the path are answered: %s',
    async (path) => {
      const app = server()
      await app.register(phoenix, { sockets })
      const base = await listen(app)
      const { status } = await upgrade(`${base}${path}?vsn=2.0.0`)
      expect([101, 404]).toContain(status)
      await joined(base)
    },
  )

  test.each([
    ['x'.repeat(200), 414],
    ['%zz', 400],
  ])('that the router refuses itself end their connection: a variable %.5s', async (value, status) => {
    const app = server()
    await app.register(phoenix, { sockets: { '/c/:room': UserSocket } })
    const tcp = connectTcp(Number(new URL(await listen(app)).port), '127.0.0.1')
    onTestFinished(() => void tcp.destroy())
    const headers = Object.entries(upgradeHeaders).map((header) => header.join(': '))
    tcp.write([`GET /c/${value}/websocket HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n'))
    expect(await text(tcp)).toContain(`HTTP/1.1 ${status}`)
    await app.close()
  })

  test.each(['GET', 'POST'])('to h2c are ignored: %s is served as plain HTTP', async (method) => {
    const app = server()
    await app.register(phoenix, { sockets })
    app.all('/api', (incoming) => incoming.body ?? 'hello')
    const base = await listen(app)
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' }
    const body =
      method === 'POST'
        ? { body: 'some text', headers: { ...headers, 'content-type': 'text/plain' } }
        : { headers }
    expect(await request(`${base}/api`, { method, ...body })).toMatchObject({
      status: 200,
      body: method === 'POST' ? 'some text' : 'hello',
    })
  })
})

describe("a user's own @fastify/websocket", () => {
  const own = (app: FastifyInstance) =>
    app.get('/own', { websocket: true }, (socket: WebSocket) => socket.send('own'))

  test('that is registered later works beside ours', async () => {
    const app = server()
    await app.register(phoenix, { sockets })
    await app.register(websocketPlugin)
    await app.register(async (scope) => void own(scope))
    const base = await listen(app)
    await joined(base)
    expect(await (await connect(`${base.replace('http', 'ws')}/own`)).next()).toBe('own')
    await joined(base)
  })

  test('that is in its own scope works beside ours, before and after', async () => {
    const app = server()
    const scoped = async (scope: FastifyInstance) => {
      await scope.register(websocketPlugin)
      own(scope)
    }
    await app.register(scoped)
    await app.register(phoenix, { sockets })
    const base = await listen(app)
    await joined(base)
    expect(await (await connect(`${base.replace('http', 'ws')}/own`)).next()).toBe('own')
  })

  test('that is registered earlier ends the start with an error that names the order', async () => {
    const app = server()
    await app.register(websocketPlugin)
    const start = async () => app.register(phoenix, { sockets })
    await expect(start()).rejects.toThrow(UsageError)
    await expect(start()).rejects.toThrow('register fastify-phoenix before it')
  })
})

describe('closing', () => {
  test('closes every client with 1012, including one without channels, and sends nothing else (CLOSE-2)', async () => {
    const app = server()
    await app.register(phoenix, { sockets })
    const base = await listen(app)
    const clients = [await joined(base), await connect(`${base.replace('http', 'ws')}/socket/websocket`)]
    await app.close()
    expect(await Promise.all(clients.map((client) => client.closed))).toEqual([1012, 1012])
    await expect(clients[0]?.next()).rejects.toThrow('closed with 1012')
  })

  test('answers 503 with Retry-After to new requests while it drains', async () => {
    const app = server()
    await app.register(phoenix, { sockets })
    app.get('/api', () => 'hello')
    const base = await listen(app)
    await app.endpoint.drain()
    for (const answer of [
      await upgrade(`${base}/socket/websocket?vsn=2.0.0`),
      await request(`${base}/api`),
    ]) {
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1', connection: 'close' } })
    }
  })

  test('serves routes with `whileDraining` while it drains', async () => {
    const app = server()
    await app.register(phoenix, { sockets })
    app.get('/alive', { config: { whileDraining: true } }, () => 'yes')
    const base = await listen(app)
    await app.endpoint.drain()
    expect(await request(`${base}/alive`)).toMatchObject({ status: 200, body: 'yes' })
  })

  test('works for a server that never listened', async () => {
    const app = fastify()
    await app.register(phoenix, { sockets })
    await app.ready()
    await app.close()
    expect(app.endpoint.isDraining).toBe(true)
  })
})
