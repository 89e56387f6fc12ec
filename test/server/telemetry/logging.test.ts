import fastify from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import {
  type ChannelDefinition,
  defineChannel,
  defineContract,
  defineSocket,
  defineUntypedChannel,
  type PhoenixOptions,
  phoenix,
} from '../../../server/index.ts'
import type { LogLevel } from '../../../server/telemetry/log-level.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'

type Levels = { log?: LogLevel | false; logJoin?: LogLevel | false; logHandleIn?: LogLevel | false }

const boom = new Error('boom')

function roomOf({ logJoin, logHandleIn }: Levels): ChannelDefinition<object> {
  return defineUntypedChannel('room:*', {
    ...(logJoin !== undefined && { logJoin }),
    ...(logHandleIn !== undefined && { logHandleIn }),
    join(_params, socket) {
      if (socket.subtopic === 'crash') throw boom
      return socket.subtopic === 'full' ? { error: { reason: 'full' } } : { ok: {} }
    },
    handleIn: {
      act: () => ({ ok: {} }),
      stop: (payload) => ({ stop: Object(payload).reason ?? boom }),
      crash() {
        throw boom
      },
    },
  })
}

/** A server whose log is kept, line by line, and a way to connect to it. */
async function serve(
  level: string,
  levels: Levels = {},
  options: Partial<PhoenixOptions> = {},
  channel = roomOf(levels),
) {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const app = fastify({ logger: { level, stream } })
  onTestFinished(() => app.close())
  const { log } = levels
  const socket = defineSocket({ connect: () => ({ ok: {} }), ...(log !== undefined && { log }) })
    .id(() => 'u1')
    .channel(channel)
  await app.register(phoenix, { sockets: { '/socket': { socket, longpoll: true } }, ...options })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0&token=t0p`
  const own = () => lines.filter(({ msg }) => /socket|channel|join|message|failed/.test(String(msg)))
  return { app, base, lines, own, come: () => connect(url) }
}

const JOIN = '["1","1","room:a","phx_join",{"name":"Ann","password":"p4ss"}]'

test('a connect and a join are logged as a line each, with socket id, topic, duration and filtered params', async () => {
  const { own, come } = await serve('info')
  const client = await come()
  client.send(JOIN)
  await client.next()
  expect(own()).toEqual([
    expect.objectContaining({
      level: 30,
      msg: 'socket connected',
      socketId: 'u1',
      path: '/socket',
      transport: 'websocket',
      vsn: '2.0.0',
      params: { vsn: '2.0.0', token: '[FILTERED]' },
      durationMs: expect.any(Number),
    }),
    expect.objectContaining({
      level: 30,
      msg: 'channel joined',
      socketId: 'u1',
      topic: 'room:a',
      params: { name: 'Ann', password: '[FILTERED]' },
      durationMs: expect.any(Number),
    }),
  ])
  expect(JSON.stringify(own())).not.toMatch(/t0p|p4ss/)
})

test('a connect by long-poll is logged, too', async () => {
  const { base, own } = await serve('info')
  await request(`${base}/socket/longpoll?vsn=2.0.0`)
  expect(own()).toMatchObject([{ msg: 'socket connected', transport: 'longpoll' }])
})

test('a refused join is logged with its reason, even if no channel matches', async () => {
  const { own, come } = await serve('info')
  const client = await come()
  client.send('["1","1","room:full","phx_join",{}]', '["2","2","nowhere","phx_join",{}]')
  client.send('["3","3","phoenix:own","phx_join",{}]')
  for (let n = 0; n < 3; n++) await client.next()
  expect(own().slice(1)).toMatchObject([
    { msg: 'join refused', topic: 'room:full', reason: 'full' },
    { level: 40, msg: 'join refused', topic: 'nowhere', reason: 'unmatched topic', patterns: ['room:*'] },
  ])
})

test('without `checkOutgoing`, a join that no channel matches is logged at level info', async () => {
  const { own, come } = await serve('info', {}, { checkOutgoing: false })
  const client = await come()
  client.send('["1","1","nowhere","phx_join",{}]')
  await client.next()
  expect(own().slice(1)).toMatchObject([{ level: 30, msg: 'join refused', patterns: ['room:*'] }])
})

test('a socket without channels is logged as a warning when it is mounted', async () => {
  const socket = defineSocket({ connect: () => ({ ok: {} }) })
  const { own } = await serve('warn', {}, { sockets: { '/socket': socket } })
  expect(own()).toMatchObject([
    {
      level: 40,
      path: '/socket',
      msg: 'socket mounted without channels',
      hint: expect.stringContaining('.channel()'),
    },
  ])
})

test.each([
  ['without refresh', {}, true],
  ['without an id', { refresh: () => ({ ok: {} }) }, false],
])('a socket %s is logged as a warning if a channel has auth.refresh (AUTH-5)', async (_, options, hasId) => {
  const auth = { refresh: { warn: 'expiring', event: 'refresh' } }
  const channel = defineUntypedChannel('room:*', { auth, join: () => ({ ok: {} }) })
  const plain = defineSocket({ connect: () => ({ ok: {} }), ...options })
  const socket = (hasId ? plain.id(() => 'u1') : plain).channel(channel)
  const { own } = await serve('warn', {}, { sockets: { '/socket': socket } })
  expect(own()).toMatchObject([
    {
      level: 40,
      path: '/socket',
      patterns: ['room:*'],
      msg: 'socket mounted without token refresh',
      hint: expect.stringContaining('`.id(…)`'),
    },
  ])
})

test('a refused client whose token was not passed to `connect` is logged with a hint', async () => {
  const socket = defineSocket({ connect: async () => ({ error: 'no token' }) }).channel(roomOf({}))
  const sockets = { '/socket': { socket, longpoll: true }, '/tokens': { socket, authToken: true } }
  const { base, app, lines } = await serve('info', {}, { sockets })
  const offer = { 'sec-websocket-protocol': 'phoenix, base64url.bearer.phx.dG9rZW4=' }
  const refused = () => {
    serverOf(app.endpoint).throttledLog.flush()
    return lines.splice(0).flatMap(({ msg, hint }) => (msg === 'connection refused' ? [hint] : []))
  }
  const hint = 'the client sent an auth token, but this mount has authToken: false'
  await upgrade(`${base}/socket/websocket?vsn=2.0.0`, offer)
  expect(refused()).toEqual([hint])
  await request(`${base}/socket/longpoll?vsn=2.0.0`, { headers: { 'x-phoenix-authtoken': 'token' } })
  expect(refused()).toEqual([hint])
  await upgrade(`${base}/socket/websocket?vsn=2.0.0`)
  await upgrade(`${base}/tokens/websocket?vsn=2.0.0`, offer)
  expect(refused()).toEqual([undefined, undefined])
})

test('a crash is logged as one line with socket id and topic, at any level', async () => {
  const { own, come } = await serve('error')
  const client = await come()
  client.send('["1","1","room:crash","phx_join",{}]', JOIN, '["1","2","room:a","crash",{}]')
  for (let n = 0; n < 3; n++) await client.next()
  expect(own()).toMatchObject([
    { level: 50, socketId: 'u1', topic: 'room:crash', callback: 'join', err: { message: 'boom' } },
    { level: 50, socketId: 'u1', topic: 'room:a', callback: 'handleIn.crash', err: { message: 'boom' } },
  ])
})

test('messages are logged at level debug', async () => {
  const { own, come } = await serve('debug')
  const client = await come()
  client.send(JOIN, '["1","2","room:a","act",{"n":1}]', '["1","3","room:a","other",{"token":1}]')
  for (let n = 0; n < 3; n++) await client.next()
  expect(own().slice(2)).toMatchObject([
    { level: 20, msg: 'message handled', topic: 'room:a', event: 'act', params: { n: 1 }, result: 'ok' },
    {
      level: 20,
      msg: 'message handled',
      event: 'other',
      params: { token: '[FILTERED]' },
      result: 'error',
      reason: 'unmatched event',
    },
  ])
})

test('a payload and params that do not match their schemas are logged with the errors', async () => {
  const n = Type.Object({ n: Type.Integer() })
  const contract = defineContract({ topic: 'room:*', params: n, incoming: { act: { payload: n } } })
  const channel = defineChannel(contract, { join: () => ({ ok: {} }), handleIn: { act: () => undefined } })
  const { own, come } = await serve('debug', {}, {}, channel)
  const client = await come()
  client.send('["1","1","room:a","phx_join",{"n":"x"}]', '["2","2","room:a","phx_join",{"n":1}]')
  client.send('["2","3","room:a","act",{"n":"x"}]')
  for (let frames = 0; frames < 3; frames++) await client.next()
  const errors = [{ path: '/n', message: expect.stringContaining('integer') }]
  expect(own().slice(1)).toMatchObject([
    { level: 30, msg: 'join refused', reason: 'invalid params', errors },
    { msg: 'channel joined' },
    { level: 20, msg: 'message handled', event: 'act', result: 'error', reason: 'invalid payload', errors },
  ])
})

test('a stop for an unannounced reason is logged as an error with the reason', async () => {
  const { own, come } = await serve('error')
  const client = await come()
  client.send(JOIN, '["1","2","room:a","stop",{"reason":"no_database"}]')
  for (let n = 0; n < 2; n++) await client.next()
  client.send(JOIN, '["1","2","room:a","stop",{}]')
  for (let n = 0; n < 2; n++) await client.next()
  const stopped = {
    level: 50,
    msg: 'channel stopped',
    socketId: 'u1',
    topic: 'room:a',
    callback: 'handleIn.stop',
  }
  expect(own()).toMatchObject([
    { ...stopped, reason: 'no_database' },
    { ...stopped, err: { message: 'boom' } },
  ])
})

test.each(['normal', 'shutdown'])('a stop for the reason %j is not logged', async (reason) => {
  const { own, come } = await serve('error')
  const client = await come()
  client.send(JOIN, `["1","2","room:a","stop",{"reason":"${reason}"}]`)
  for (let n = 0; n < 2; n++) await client.next()
  expect(own()).toEqual([])
})

test('sockets and channels choose their log levels, or none', async () => {
  const { own, come } = await serve('info', { log: false, logJoin: 'warn', logHandleIn: 'info' })
  const client = await come()
  client.send(JOIN, '["1","2","room:a","act",{}]')
  for (let n = 0; n < 2; n++) await client.next()
  expect(own()).toMatchObject([
    { level: 40, msg: 'channel joined' },
    { level: 30, msg: 'message handled' },
  ])
})

test('the application chooses which params are filtered', async () => {
  const { own, come } = await serve('info', {}, { filterParameters: ['name'] })
  const client = await come()
  client.send(JOIN)
  await client.next()
  expect(own().at(-1)).toMatchObject({ params: { name: '[FILTERED]', password: 'p4ss' } })
})

test("a mount's filter replaces the plugin's", async () => {
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(roomOf({ logHandleIn: 'info' }))
  const sockets = { '/socket': { socket, filterParameters: ['name', 'vsn'] }, '/other': socket }
  const { base, own, come } = await serve('info', {}, { sockets, filterParameters: ['password'] })
  const client = await come()
  client.send(JOIN, '["1","2","room:a","act",{"name":"Ann"}]')
  for (let n = 0; n < 2; n++) await client.next()
  const other = await connect(`${base.replace('http', 'ws')}/other/websocket?vsn=2.0.0`)
  other.send(JOIN)
  await other.next()
  expect(own().map(({ params }) => params)).toMatchObject([
    { vsn: '[FILTERED]' },
    { name: '[FILTERED]', password: 'p4ss' },
    { name: '[FILTERED]' },
    { vsn: '2.0.0' },
    { name: 'Ann', password: '[FILTERED]' },
  ])
})

test.each([
  ['error', {}, [false, false, false]],
  ['info', {}, [true, true, false]],
  ['debug', {}, [true, true, true]],
  ['info', { log: false, logJoin: false }, [false, false, false]],
  ['error', { logHandleIn: 'warn' }, [false, false, false]],
] as const)(
  'with the level %s and %j it subscribes only to events that it would log',
  async (level, levels, heard) => {
    const { app } = await serve(level, levels, { checkOutgoing: false })
    const { socketConnected, channelJoined, channelHandledIn } = telemetry
    const listening = () =>
      [socketConnected, channelJoined, channelHandledIn].map((one) => one.hasSubscribers)
    expect(listening()).toEqual(heard)
    await app.close()
    expect(listening()).toEqual([false, false, false])
  },
)

test('two servers in one process write their own lines', async () => {
  const [one, other] = [await serve('info'), await serve('info')]
  await one.come()
  expect([one.own().length, other.own().length]).toEqual([1, 0])
})

test('an unknown level is rejected', () => {
  expect(() => defineSocket({ connect: () => ({ ok: {} }), log: 'loud' as never })).toThrow(
    '`log` must be "debug", "info", "warn" or false (got "loud")',
  )
  expect(() => roomOf({ logJoin: 'loud' as never })).toThrow(
    '`logJoin` must be "debug", "info", "warn" or false (got "loud")',
  )
  expect(() => roomOf({ logHandleIn: 'loud' as never })).toThrow(
    '`logHandleIn` must be "debug", "info", "warn" or false (got "loud")',
  )
})
