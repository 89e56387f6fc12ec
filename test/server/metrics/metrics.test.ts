import fastify from 'fastify'
import { Registry } from 'prom-client'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import {
  defineChannel,
  defineContract,
  definePresence,
  defineSocket,
  LocalAdapter,
  LocalEngine,
  type PhoenixOptions,
  phoenix,
} from '../../../server/index.ts'
import { type MetricsOptions, metrics } from '../../../server/metrics/index.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { crowd } from '../../helpers/crowd.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'
import { readMetrics } from '../../helpers/read-metrics.ts'
import { supervise } from '../../helpers/supervise.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'
import { until } from '../../helpers/until.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ why: Type.Optional(Type.String()) }),
  incoming: {
    echo: { payload: Type.Unknown(), reply: Type.Unknown() },
    say: { payload: Type.Object({ body: Type.String() }) },
    crash: { payload: Type.Unknown() },
    refuse: { payload: Type.Unknown() },
  },
  outgoing: { said: Type.Object({ body: Type.String() }), kept: Type.Object({}) },
  presence: Type.Object({}),
})
const RoomPresence = definePresence(Room)

const RoomChannel = defineChannel(Room, {
  join({ why }, socket) {
    if (why === 'crash') throw new Error('boom')
    if (why !== undefined) return { error: { reason: why } }
    socket.sendInfo('after_join')
    return { ok: {} }
  },
  handleIn: {
    echo: (payload) => ({ ok: payload }),
    say: (payload, socket) => socket.broadcast('said', payload),
    crash() {
      throw new Error('boom')
    },
    refuse: () => ({ error: { reason: 'invented by a client' } }),
  },
  handleOut: { kept() {} },
  handleInfo: {
    after_join(_value, socket) {
      RoomPresence.track(socket, socket.id, {})
    },
  },
})

const UserSocket = defineSocket({
  connect: ({ mood }) => (mood === 'bad' ? { error: 'grumpy' } : { ok: {} }),
}).channel(RoomChannel)

async function serve(given: Omit<PhoenixOptions, 'sockets'> = {}, options: MetricsOptions = {}) {
  const app = fastify()
  onTestFinished(() => app.close())
  const mount = { socket: UserSocket, longpoll: true, websocket: { maxFrameSize: 10_000 } }
  await app.register(phoenix, { sockets: { '/socket': mount }, ...given })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const { registry, stop } = metrics(app.endpoint, options)
  onTestFinished(stop)
  const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
  const read = async () => readMetrics(await registry.metrics())
  /** The values of one metric, by labels. */
  const valuesOf = async (name: string) => {
    const own = Object.entries(await read()).filter(([key]) => key.replace(/\{.*/, '') === `phoenix_${name}`)
    return Object.fromEntries(own.map(([key, value]) => [key.slice(`phoenix_${name}`.length), value]))
  }
  return { app, base, url, read, valuesOf, registry, stop }
}

const JOIN = '["1","1","room:a","phx_join",{}]'
const JOINED = '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'

test('connections are counted by transport, refusals by transport and reason, closes by code and by who closed', async () => {
  const { app, base, url, valuesOf } = await serve()
  const ann = await connect(url)
  const ben = await connect(url)
  const cem = await connect(url)
  await request(`${base}/socket/longpoll?vsn=2.0.0`)
  await upgrade(`${url}&mood=bad`)
  await upgrade(url, { origin: 'http://evil.example' })
  await request(`${base}/socket/longpoll?vsn=9`)
  ann.ws.close(4321)
  ben.ws.close(1000)
  cem.send('x')
  await Promise.all([ann.closed, ben.closed, cem.closed])
  await connect(url)
  await until(() => serverOf(app.endpoint).sockets.size === 2)
  expect(await valuesOf('connections')).toEqual({ '{transport="websocket"}': 1, '{transport="longpoll"}': 1 })
  expect(await valuesOf('connections_opened_total')).toEqual({
    '{transport="websocket"}': 4,
    '{transport="longpoll"}': 1,
  })
  expect(await valuesOf('connections_refused_total')).toEqual({
    '{transport="websocket",reason="connect"}': 1,
    '{transport="websocket",reason="origin"}': 1,
    '{transport="longpoll",reason="vsn"}': 1,
  })
  expect(await valuesOf('connections_closed_total')).toEqual({
    '{transport="websocket",code="other",by="client"}': 1,
    '{transport="websocket",code="1000",by="client"}': 1,
    '{transport="websocket",code="1011",by="server"}': 1,
  })
  expect(await valuesOf('frames_refused_total')).toEqual({ '': 1 })
  expect(await valuesOf('connect_duration_seconds_count')).toEqual({
    '{transport="websocket"}': 5,
    '{transport="longpoll"}': 2,
  })
})

test('joins are counted by pattern, refused ones by reason, unknown reasons as other', async () => {
  const { url, valuesOf } = await serve({ limits: { maxChannels: 1 } }, { joinReasons: ['full'] })
  const client = await connect(url)
  const join = async (topic: string, params: object) => {
    client.send(JSON.stringify(['1', '1', topic, 'phx_join', params]))
    await client.next()
  }
  for (const why of ['full', 'unauthorized', 'invented by a client', 'crash']) await join('room:a', { why })
  await join('room:a', { why: 7 })
  await join('nowhere', {})
  await join('room:a', {})
  await client.next() // its presence
  await join('room:b', {})
  expect(await valuesOf('joins_total')).toEqual({ '{pattern="room:*"}': 1, '{pattern="other"}': 0 })
  expect(await valuesOf('joins_refused_total')).toEqual({
    '{pattern="room:*",reason="full"}': 1,
    '{pattern="room:*",reason="unauthorized"}': 1,
    '{pattern="room:*",reason="other"}': 1,
    '{pattern="room:*",reason="join crashed"}': 1,
    '{pattern="room:*",reason="invalid params"}': 1,
    '{pattern="room:*",reason="too many channels joined"}': 1,
    '{pattern="other",reason="unmatched topic"}': 1,
  })
  expect(await valuesOf('join_duration_seconds_count')).toMatchObject({ '{pattern="room:*"}': 5 })
  expect(await valuesOf('channels')).toEqual({ '': 1 })
  expect(await valuesOf('limits_reached_total')).toEqual({ '{limit="maxChannels"}': 1 })
})

test('refused messages are counted by event and reason, unknown events as other', async () => {
  const { url, valuesOf } = await serve()
  const client = await connect(url)
  client.send('["1","1","room:a","phx_join",{}]')
  for (let n = 0; n < 2; n += 1) await client.next() // its presence, too
  for (const event of ['say', 'say', 'invented', 'constructor', 'refuse', 'echo']) {
    client.send(JSON.stringify(['1', '2', 'room:a', event, {}]))
    await client.next()
  }
  expect(await valuesOf('messages_refused_total')).toEqual({
    '{pattern="room:*",event="say",reason="invalid payload"}': 2,
    '{pattern="room:*",event="other",reason="unmatched event"}': 2,
    '{pattern="room:*",event="refuse",reason="other"}': 1,
  })
})

test('waiting joins are a gauge', async () => {
  const { app, url, valuesOf } = await serve()
  const client = await connect(url)
  crowd(serverOf(app.endpoint).admission)
  expect(await valuesOf('joins_waiting')).toEqual({ '': 1 })
  client.send(JOIN)
  expect(await client.next()).toBe(JOINED)
  expect(await valuesOf('joins_waiting')).toEqual({ '': 0 })
})

test('reached limits are counted by the names of their options', async () => {
  const rates = { messageRate: 1, messageBurst: 1, joinRate: 1, joinBurst: 1, maxRefusals: 3 }
  const { url, valuesOf } = await serve({ limits: { ...rates, maxTopicLength: 10, maxConnections: 1 } })
  const client = await connect(url)
  expect((await upgrade(url)).status).toBe(503)
  client.send('["1","1","a topic that is too long","phx_join",{}]', ...Array(4).fill(JOIN))
  expect(await client.closed).toBe(1008)
  expect(await valuesOf('limits_reached_total')).toEqual({
    '{limit="maxConnections"}': 1,
    '{limit="maxTopicLength"}': 1,
    '{limit="joinRate"}': 4,
    '{limit="maxRefusals"}': 1,
  })
})

test('messages and bytes are counted by pattern, handlers timed by events of the contract', async () => {
  const { url, valuesOf } = await serve()
  const [ann, ben] = [await connect(url), await connect(url)]
  const got: number[] = []
  const next = async (client: typeof ann, count: number) => {
    for (let n = 0; n < count; n++) got.push(Buffer.byteLength(await client.next()))
  }
  const sent = [
    '["1","2","room:a","echo",{"text":"ü"}]',
    '["1",null,"room:a","say",{"body":"ß"}]',
    '["1","3","room:a","other",{}]',
  ]
  ann.send(JOIN)
  await next(ann, 2)
  ben.send(JOIN)
  await next(ben, 2)
  await next(ann, 1) // that Ben is present
  ann.send(...sent, '[null,"4","phoenix","heartbeat",{}]')
  await next(ann, 3)
  await next(ben, 1)
  expect(String(await ann.next())).toContain('"phoenix"')
  const bytesIn = sent.reduce((sum, frame) => sum + Buffer.byteLength(frame), 0)
  const bytesOut = got.reduce((sum, size) => sum + size, 0)
  expect(await valuesOf('messages_total')).toEqual({
    '{pattern="room:*",direction="in"}': 3,
    '{pattern="room:*",direction="out"}': got.length,
  })
  expect(await valuesOf('message_bytes_total')).toEqual({
    '{pattern="room:*",direction="in"}': bytesIn,
    '{pattern="room:*",direction="out"}': bytesOut,
  })
  expect(await valuesOf('handler_duration_seconds_count')).toEqual({
    '{pattern="room:*",event="echo"}': 1,
    '{pattern="room:*",event="say"}': 1,
    '{pattern="room:*",event="other"}': 1,
  })
})

test('a broadcast counts its recipients; an intercepted broadcast does not count as sent', async () => {
  const { app, url, valuesOf } = await serve()
  const clients = await Promise.all([connect(url), connect(url), connect(`${url.replace('2.0.0', '1.0.0')}`)])
  for (const [index, client] of clients.entries()) {
    client.send(index < 2 ? JOIN : '{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}')
    await client.next()
  }
  await until(() => app.endpoint.localMemberCount('room:a') === 3)
  const before = await valuesOf('messages_total')
  const bytes = await valuesOf('message_bytes_total')
  const said = async () =>
    Promise.all(
      clients.map(async (client) => {
        for (;;) {
          const frame = String(await client.next())
          if (frame.includes('"said"')) return Buffer.byteLength(frame)
        }
      }),
    )
  void app.endpoint.broadcast(Room, 'room:a', 'said', { body: 'ü' })
  const sizes = await said()
  void app.endpoint.broadcast(Room, 'room:a', 'kept', {})
  const key = '{pattern="room:*",direction="out"}'
  expect((await valuesOf('messages_total'))[key]).toBe((before[key] ?? 0) + 3)
  expect((await valuesOf('message_bytes_total'))[key]).toBe(
    (bytes[key] ?? 0) + sizes.reduce((sum, size) => sum + size, 0),
  )
  const buckets = await valuesOf('broadcast_recipients_bucket')
  const upTo = (le: number) => buckets[`{pattern="room:*",le="${le}"}`] ?? 0
  expect(upTo(5) - upTo(2)).toBeGreaterThanOrEqual(2)
})

test('crashes are counted by pattern and kind of callback', async () => {
  const { url, valuesOf } = await serve()
  const client = await connect(url)
  client.send(JOIN, '["1","2","room:a","crash",{}]')
  await expect
    .poll(async () => (await valuesOf('channel_crashes_total'))['{pattern="room:*",callback="handleIn"}'])
    .toBe(1)
})

test('presences are counted by definition, until their channels end', async () => {
  const { url, valuesOf } = await serve()
  const [ann, ben] = [await connect(url), await connect(url)]
  for (const client of [ann, ben]) {
    client.send(JOIN)
    expect(await client.next()).toBe(JOINED)
    await client.next()
  }
  expect(await valuesOf('presences')).toEqual({ '{presence="room:*"}': 2 })
  ann.ws.close()
  await expect.poll(async () => (await valuesOf('presences'))['{presence="room:*"}']).toBe(1)
})

test('slow clients and buffered bytes are counted', async () => {
  const { app, base, valuesOf } = await serve()
  const url = `${base}/socket/longpoll?vsn=2.0.0`
  const { token } = JSON.parse((await request(url)).body)
  await request(`${url}&token=${encodeURIComponent(token)}`, { method: 'POST', body: JOIN })
  await until(() => app.endpoint.localMemberCount('room:a') === 1)
  void app.endpoint.broadcast(Room, 'room:a', 'said', { body: 'x'.repeat(1_100_000) })
  expect((await valuesOf('buffered_bytes'))['{transport="longpoll"}']).toBeGreaterThan(100_000)
  void app.endpoint.broadcast(Room, 'room:a', 'said', { body: 'x'.repeat(1_100_000) })
  expect(await valuesOf('slow_consumers_total')).toEqual({ '{transport="longpoll",action="closed"}': 1 })
  expect(await valuesOf('connections_closed_total')).toEqual({
    '{transport="longpoll",code="1013",by="server"}': 1,
  })
  expect((await valuesOf('buffered_bytes'))['{transport="longpoll"}']).toBe(0)
})

test('the state of the engine, its lag and its gaps are shown', async () => {
  class LateEngine extends LocalEngine {
    lag: number | null = null
  }
  const adapter = Object.assign(new LocalAdapter(), {
    gap: (_topics: readonly string[]): void => {},
    start(_deliver: unknown, gap: (topics: readonly string[]) => void) {
      adapter.gap = gap
    },
  })
  const engine = new LateEngine(adapter)
  const { valuesOf } = await serve({ engine, secret: 'a secret of at least 20 bytes' })
  expect(await valuesOf('engine_up')).toEqual({ '': 1 })
  expect(await valuesOf('engine_lag_seconds')).toEqual({})
  engine.lag = 250
  adapter.gap(['room:a', 'room:b'])
  expect(await valuesOf('engine_lag_seconds')).toEqual({ '': 0.25 })
  expect(await valuesOf('gaps_total')).toEqual({ '': 2 })
})

test('restarts of workers are counted by the name of the worker', async () => {
  const { valuesOf } = await serve()
  const trace = new Trace()
  const supervisor = supervise()
  for (const id of ['one', 'two'])
    await supervisor.startChild({ worker: tracedWorker('clock'), id, context: { trace } })
  trace.worker('clock').send('crash')
  await trace.has('clock init', 3)
  await expect.poll(async () => (await valuesOf('worker_restarts_total'))['{worker="clock"}']).toBe(1)
})

test('the delay of the event loop is shown', async () => {
  const { valuesOf } = await serve()
  expect(Object.keys(await valuesOf('event_loop_delay_seconds'))).toEqual([
    '{quantile="0.5"}',
    '{quantile="0.99"}',
    '{quantile="1"}',
  ])
})

test('two endpoints in one process have separate metrics', async () => {
  const [one, other] = [await serve(), await serve()]
  await connect(one.url)
  expect(await one.valuesOf('connections_opened_total')).toEqual({ '{transport="websocket"}': 1 })
  expect(await other.valuesOf('connections_opened_total')).toEqual({})
})

test('two endpoints can share a registry only with different prefixes', async () => {
  const registry = new Registry()
  const one = await serve({}, { registry, prefix: 'one_' })
  await serve({}, { registry, prefix: 'other_' })
  await connect(one.url)
  expect(await one.read()).toMatchObject({
    'one_connections{transport="websocket"}': 1,
    'other_connections{transport="websocket"}': 0,
  })
  expect(() => metrics(one.app.endpoint, { registry, prefix: 'one_' })).toThrow('already been registered')
})

test('stop unsubscribes from telemetry, and empties the registry', async () => {
  const { registry, stop } = await serve()
  const listening = () => Object.values(telemetry).filter((channel) => channel.hasSubscribers)
  expect(listening().length).toBeGreaterThan(10)
  stop()
  expect(listening()).toEqual([])
  expect(await registry.metrics()).toBe('\n')
})
