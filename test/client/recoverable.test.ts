import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import fastify from 'fastify'
import { Type } from 'typebox'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type Cursor, type RecoverableOptions, recoverable, typed } from '../../client/typed.ts'
import { defineContract } from '../../protocol/index.ts'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { defineChannel, defineSocket, phoenix } from '../../server/index.ts'
import { catchUncaught } from '../helpers/catch-uncaught.ts'
import { CuttingProxy } from '../helpers/cutting-proxy.ts'
import { endAfterTest, SOON } from '../helpers/official-socket.ts'
import { until } from '../helpers/until.ts'
import { provideXmlHttpRequest } from '../helpers/xml-http-request.ts'

const Said = Type.Object({ n: Type.Integer() })
const Log = defineContract({
  topic: 'log:*',
  params: Type.Object({ name: Type.Optional(Type.String()) }, { additionalProperties: false }),
  reply: Type.Object({ name: Type.String() }),
  incoming: {
    say: { payload: Said, reply: Type.Object({ kept: Type.Boolean() }) },
    say_from: { payload: Said },
  },
  outgoing: { msg: Said },
  history: { events: ['msg'], size: 40 },
})
/** Milliseconds that each of the next joins waits for its answer. */
const waits: number[] = []
const LogChannel = defineChannel(Log, {
  join: async ({ name = 'nobody' }) => {
    await delay(waits.shift() ?? 0)
    return { ok: { name } }
  },
  handleIn: {
    say: async ({ n }, socket) => ({ ok: { kept: await socket.publish('msg', { n }, { key: `n${n}` }) } }),
    say_from: ({ n }, socket) => socket.broadcastFrom('msg', { n }),
  },
})

/** A server with logs behind a proxy that cuts connections. */
async function serve() {
  const app = fastify()
  onTestFinished(() => app.close())
  const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(LogChannel)
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, longpoll: { windowMs: 300 } } } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const proxy = await new CuttingProxy().open(Object(app.server.address()).port)
  return { app, base: `ws://${proxy.host}`, cut: () => proxy.cutAll() }
}

const require = createRequire(import.meta.url)

/** A client of a published version, with what it hears of `log:a`. */
function open(
  version: string,
  base: string,
  given: RecoverableOptions & { poll?: boolean; timeout?: number } = {},
) {
  const { poll = false, timeout = 10_000, ...options } = given
  const { LongPoll, Socket } = require(version) as typeof import('phoenix')
  const transport = poll ? LongPoll : WebSocket
  const socket = new Socket(`${base}/socket`, { ...SOON, transport, timeout } as object)
  endAfterTest(socket)
  socket.connect()
  const gaps: { from: Cursor; to: Cursor }[] = []
  const room = recoverable(
    socket,
    'log:a',
    { name: version },
    { onGap: (gap) => void gaps.push(gap), ...options },
  )
  const heard: number[] = []
  room.on('msg', (payload) => void heard.push(Reflect.get(Object(payload), 'n')))
  room.join()
  return { socket, room, heard, gaps }
}

const versions = ['phoenix-1.3', 'phoenix-1.4', 'phoenix-1.5', 'phoenix-1.6', 'phoenix-1.7', 'phoenix']
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1)

describe.each(versions)('%s', (version) => {
  it('receives the messages that it missed, once and in order, and keeps its params', async () => {
    const { app, base, cut } = await serve()
    const { room, heard, gaps } = open(version, base)
    await until(() => room.state === 'joined')
    await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 1 })
    await until(() => heard.length === 1)
    for (let n = 2; n <= 30; n++) {
      if (n % 10 === 0) cut()
      await app.endpoint.broadcast(Log, 'log:a', 'msg', { n })
      if (n % 10 === 5) await until(() => room.state === 'joined' && heard.length === n)
    }
    await until(() => heard.length === 30)
    expect(heard).toEqual(upTo(30))
    expect(gaps).toEqual([])
    expect(room.cursor()).toEqual({ epoch: expect.any(String), seq: 30 })
  })

  it('reports a gap before anything else if it missed more messages than are kept', async () => {
    const { app, base, cut } = await serve()
    const { room, heard, gaps } = open(version, base, { last: 3 })
    await until(() => room.state === 'joined')
    await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 1 })
    await until(() => heard.length === 1)
    cut()
    for (let n = 2; n <= 50; n++) await app.endpoint.broadcast(Log, 'log:a', 'msg', { n })
    await until(() => heard.length === 4)
    expect(heard).toEqual([1, 48, 49, 50])
    const epoch = room.cursor()?.epoch
    expect(gaps).toEqual([{ from: { epoch, seq: 1 }, to: { epoch, seq: 47 } }])
  })
})

it.each(versions)(
  '%s: receives the messages that it missed after its long-poll session was lost',
  async (version) => {
    if (version !== 'phoenix') provideXmlHttpRequest(version === 'phoenix-1.3')
    const { app, base } = await serve()
    const { room, heard, gaps } = open(version, base, { poll: true })
    await until(() => room.state === 'joined')
    await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 1 })
    await until(() => heard.length === 1)
    for (let n = 2; n <= 6; n++) {
      // The next poll gets another session, in which nothing is joined.
      if (n % 2 === 0) for (const socket of [...serverOf(app.endpoint).sockets]) socket.close(1001, 'closed')
      await app.endpoint.broadcast(Log, 'log:a', 'msg', { n })
      await until(() => heard.length === n)
    }
    expect(heard).toEqual(upTo(6))
    expect(gaps).toEqual([])
  },
)

// Version 1.3 rejoins only after a longer time than a test may take.
it.each(versions.slice(1))(
  '%s: joins that time out and are answered late double and lose nothing',
  async (version) => {
    const { app, base, cut } = await serve()
    const { room, heard, gaps } = open(version, base, { timeout: 100 })
    await until(() => room.state === 'joined')
    waits.push(250, 150, 130)
    cut()
    for (let n = 1; n <= 40; n++) {
      await app.endpoint.broadcast(Log, 'log:a', 'msg', { n })
      await delay(20)
    }
    await until(() => heard.includes(40))
    expect([heard, gaps, waits]).toEqual([upTo(40), [], []])
  },
)

it.each(['phoenix-1.3', 'phoenix-1.6', 'phoenix'])(
  '%s over long-poll continues after its session has ended',
  async (version) => {
    if (version !== 'phoenix') provideXmlHttpRequest(version === 'phoenix-1.3')
    const { app, base, cut } = await serve()
    const { room, heard, gaps } = open(version, base.replace('ws', 'http'), { poll: true })
    await until(() => room.state === 'joined')
    for (let n = 1; n <= 20; n++) {
      if (n % 7 === 0) {
        cut()
        for (const socket of serverOf(app.endpoint).sockets) socket.close(1013, 'closed')
      }
      await app.endpoint.broadcast(Log, 'log:a', 'msg', { n })
    }
    await until(() => heard.length === 20)
    expect([heard, gaps]).toEqual([upTo(20), []])
  },
)

// Version 1.3 cannot remove a listener.
it.each(versions.slice(1))('%s: leaves no listener on the socket of a closed channel', async (version) => {
  const { base } = await serve()
  const { socket, room } = open(version, base)
  const listeners = () => Object.values(Reflect.get(socket, 'stateChangeCallbacks') as object).flat().length
  const joined = listeners()
  for (let round = 0; round < 3; round++) {
    await until(() => room.state === 'joined')
    const other = recoverable(socket, 'log:b')
    other.join()
    await until(() => other.state === 'joined')
    other.leave()
    await until(() => other.state === 'closed' && listeners() === joined)
  }
})

describe.each(['phoenix-1.3', 'phoenix-1.6', 'phoenix'])('%s: while its join is not answered', (version) => {
  /** Say one number after another until the end of the test. */
  async function saying() {
    const { app, base } = await serve()
    let n = 0
    const timer = setInterval(() => void app.endpoint.broadcast(Log, 'log:a', 'msg', { n: ++n }), 2)
    onTestFinished(() => clearInterval(timer))
    return base
  }
  const breaks = (heard: readonly number[]) =>
    heard.filter((n, index) => index > 0 && n !== Number(heard[index - 1]) + 1)

  it('a client without a cursor receives nothing, even if an earlier join of it was answered late', async () => {
    waits.push(450)
    const { room, heard } = open(version, await saying(), { timeout: 300 })
    await until(() => room.state === 'joined' && heard.length > 50)
    expect(breaks(heard)).toEqual([])
  })

  it('a client receives nothing of an earlier channel of the topic', async () => {
    const { socket, room, heard } = open(version, await saying(), { last: 5 })
    await until(() => heard.length > 20)
    let earlier = room
    for (let round = 0; round < 5; round++) {
      const seen: number[] = []
      const next = recoverable(socket, 'log:a', {}, { last: 5 })
      next.on('msg', (payload) => void seen.push(Reflect.get(Object(payload), 'n')))
      earlier.leave()
      next.join()
      await until(() => next.state === 'joined' && seen.length > 20)
      expect(breaks(seen)).toEqual([])
      earlier = next
    }
  })
})

it.each(versions)('%s: drops a frame that is not above its cursor (RECOVERY-17)', async (version) => {
  const { app, base } = await serve()
  const { room, heard } = open(version, base, { last: 1 })
  await until(() => room.state === 'joined')
  await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 1 })
  await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 2 })
  await until(() => heard.length === 2)
  for (const seq of [1, 2, 4]) app.endpoint.localBroadcast('log:a', 'msg', { n: seq, _seq: seq })
  await until(() => heard.includes(4))
  expect([heard, room.cursor()?.seq]).toEqual([[1, 2, 4], 4])
})

it('an onGap that throws does not keep the join from being answered', async () => {
  const errors = catchUncaught()
  const { base } = await serve()
  const onGap = () => {
    throw new Error('no gap today')
  }
  const { room } = open('phoenix', base, { since: { epoch: '1', seq: 1 }, onGap })
  await until(() => room.state === 'joined')
  await until(() => errors.length > 0)
  expect(errors).toMatchObject([{ message: 'no gap today' }])
})

it('does not receive its own messages, even after it was away, and continues from a saved cursor', async () => {
  const { app, base, cut } = await serve()
  const { room, heard } = open('phoenix', base)
  await until(() => room.state === 'joined')
  for (let n = 1; n <= 5; n++) room.push('say_from', { n })
  await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 6 })
  cut()
  await until(() => heard.length === 1)
  expect(heard).toEqual([6])
  const since = room.cursor()
  await app.endpoint.broadcast(Log, 'log:a', 'msg', { n: 7 })
  const next = open('phoenix', base, { since })
  await until(() => next.heard.length === 1)
  expect(next.heard).toEqual([7])
  expect(next.gaps).toEqual([])
})

it('publishes once under a key, and is accepted by typed()', async () => {
  const { base } = await serve()
  const { room, heard } = open('phoenix', base)
  const log = typed(Log, room)
  await until(() => room.state === 'joined')
  expect(await log.push('say', { n: 1 })).toEqual({ kept: true })
  expect(await log.push('say', { n: 1 })).toEqual({ kept: true })
  expect(await log.push('say', { n: 2 })).toEqual({ kept: true })
  await until(() => heard.length >= 2)
  expect(heard).toEqual([1, 2])
})
