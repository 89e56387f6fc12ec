import fastify from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { defineSocket, type MountOptions, phoenix } from '../../../server/index.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { crowd } from '../../helpers/crowd.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'
import { type ChannelServer, serveChannel, serveSocket } from '../../helpers/serve-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'

const websocket = ({ base }: ChannelServer) => upgrade(`${base}/socket/websocket?vsn=2.0.0`)
const longpoll = ({ base }: ChannelServer) => request(`${base}/socket/longpoll?vsn=2.0.0`)
const options: Partial<MountOptions> = { longpoll: true }
const TOO_MANY = { status: 503, headers: { 'retry-after': '5' }, body: '' }

describe('a server with the maximum number of connections', () => {
  test('refuses another with 503 before the upgrade, until one has closed (LIMIT-5)', async () => {
    const server = await serveChannel({}, { ...options, limits: { maxConnections: 1 } })
    const [first] = await server.join()
    const [limits, refused] = [listenTo(telemetry.limitReached), listenTo(telemetry.socketRefused)]
    expect(await websocket(server)).toMatchObject(TOO_MANY)
    expect(await longpoll(server)).toMatchObject(TOO_MANY)
    expect(limits.map(({ limit }) => limit)).toEqual(['maxConnections', 'maxConnections'])
    expect(refused.map(({ transport, refused: why }) => [transport, why])).toEqual([
      ['websocket', 'overloaded'],
      ['longpoll', 'overloaded'],
    ])
    first.ws.close()
    await first.closed
    const [second] = await server.join()
    expect(second.ws.readyState).toBe(second.ws.OPEN)
  })

  test('still answers the polls and POSTs of its sessions', async () => {
    const server = await serveChannel({}, { ...options, limits: { maxConnections: 1 } })
    const { token } = JSON.parse((await longpoll(server)).body)
    const url = `${server.base}/socket/longpoll?vsn=2.0.0&token=${encodeURIComponent(token)}`
    const posted = await request(url, { method: 'POST', body: '["1","1","room:a","phx_join",{}]' })
    expect(JSON.parse(posted.body)).toEqual({ status: 200 })
    expect(JSON.parse((await request(url)).body)).toMatchObject({ status: 200 })
  })

  test('refuses a client whose connect was pending when the last place was taken (LIMIT-5)', async () => {
    const answer = new Deferred<{ ok: object }>()
    const socket = defineSocket({
      connect: (params) => (Object(params).slow === undefined ? { ok: {} } : answer.promise),
    })
    const asked = listenTo(telemetry.socketConnecting)
    const server = await serveSocket(socket, { limits: { maxConnections: 1 } })
    const slow = upgrade(`${server.base}/socket/websocket?vsn=2.0.0&slow=1`)
    await expect.poll(() => asked.length).toBe(1)
    await server.connect()
    answer.resolve({ ok: {} })
    expect(await slow).toMatchObject(TOO_MANY)
  })
})

describe('clients whose connects settle in the same turn', () => {
  test.each([
    ['a WebSocket', websocket, 101],
    ['long-poll', longpoll, 200],
  ])('over %s do not pass the maximum number of connections (LIMIT-5)', async (_what, come, accepted) => {
    const answer = new Deferred<{ ok: object }>()
    const asked = listenTo(telemetry.socketConnecting)
    const socket = defineSocket({ connect: () => answer.promise })
    const server = await serveSocket(socket, { ...options, limits: { maxConnections: 2 } })
    const answers = Promise.all(Array.from({ length: 10 }, () => come(server)))
    await expect.poll(() => asked.length).toBe(10)
    answer.resolve({ ok: {} })
    const statuses = (await answers).map(({ status }) => status)
    expect(statuses.filter((status) => status === accepted)).toHaveLength(2)
    expect(statuses.filter((status) => status === 503)).toHaveLength(8)
  })

  test('do not pass it either if a hook of the application delays the upgrade: they are closed with 1013', async () => {
    const app = fastify()
    onTestFinished(() => app.close())
    const [waiting, released] = [{ count: 0 }, new Deferred()]
    app.addHook('preHandler', async () => {
      waiting.count += 1
      await released.promise
    })
    const socket = defineSocket({ connect: () => ({ ok: {} }) })
    await app.register(phoenix, { sockets: { '/socket': socket }, limits: { maxConnections: 2 } })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
    const refused = listenTo(telemetry.socketRefused)
    const clients = Promise.all(Array.from({ length: 10 }, () => connect(url)))
    await expect.poll(() => waiting.count).toBe(10)
    released.resolve()
    const codes: number[] = []
    for (const { closed } of await clients) void closed.then((code) => codes.push(code))
    await expect.poll(() => codes.length).toBe(8)
    expect(codes).toEqual(Array(8).fill(1013))
    expect(refused.map(({ refused: why }) => why)).toEqual(Array(8).fill('overloaded'))
    expect(serverOf(app.endpoint).sockets.size).toBe(2)
  })
})

test('the number of channels of all connections of one address is limited (LIMIT-6)', async () => {
  const limits = { maxChannelsPerAddress: 2 }
  const server = await serveChannel({}, { limits, trustProxy: true })
  const told = listenTo(telemetry.limitReached)
  const from = (ip: string) =>
    connect(`${server.base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`, {
      headers: { 'x-forwarded-for': ip },
    })
  const [one, same, other] = [await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.2')]
  const join = async (client: typeof one, room: string) => {
    client.send(`["1","1","room:${room}","phx_join",{}]`)
    return String(await client.next())
  }
  expect(await join(one, 'a')).toContain('"ok"')
  expect(await join(same, 'a')).toContain('"ok"')
  expect(await join(same, 'b')).toContain('"overloaded"')
  expect(told).toMatchObject([{ limit: 'maxChannelsPerAddress' }])
  expect(await join(other, 'b')).toContain('"ok"')
  one.ws.close()
  await one.closed
  expect(await join(same, 'b')).toContain('"ok"')
})

test('a server whose queue of joins is full refuses new connections with 503 (LIMIT-5)', async () => {
  const server = await serveChannel({}, { limits: { maxWaitingJoins: 1 } })
  const limits = listenTo(telemetry.limitReached)
  // In the turn in which the upgrade is asked for, which no client can choose.
  server.app.server.prependListener('upgrade', () => crowd(serverOf(server.app.endpoint).admission))
  expect(await websocket(server)).toMatchObject(TOO_MANY)
  expect(limits.map(({ limit }) => limit)).toEqual(['maxWaitingJoins'])
})

describe('an address that connects too often', () => {
  const limits = { connectionRate: 1, connectionBurst: 4 }
  /** Ask until the answer is another than 101: one more comes in for each second that this takes. */
  const refusal = async (ask: () => ReturnType<typeof upgrade>) => {
    for (let count = 0; ; count += 1) {
      const answer = await ask()
      if (answer.status !== 101) return { answer, count }
    }
  }

  test('is refused with 429 before the upgrade (LIMIT-6)', async () => {
    const server = await serveChannel({}, { ...options, limits })
    const [limited, refused] = [listenTo(telemetry.limitReached), listenTo(telemetry.socketRefused)]
    const { answer, count } = await refusal(() => websocket(server))
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '1' }, body: '' })
    expect(count).toBeGreaterThanOrEqual(4)
    expect(limited.map(({ limit }) => limit)).toEqual(['connectionRate'])
    expect(refused).toMatchObject([{ transport: 'websocket', refused: 'rate_limited' }])
  })

  test('is refused over long-poll, too (LIMIT-6)', async () => {
    const server = await serveChannel({}, { ...options, limits })
    let answer = await longpoll(server)
    while (answer.status === 200) answer = await longpoll(server)
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '1' }, body: '' })
  })

  test('is that of the client if the proxy is trusted (LIMIT-6)', async () => {
    const app = fastify({ trustProxy: 'loopback' })
    onTestFinished(() => app.close())
    const socket = defineSocket({ connect: () => ({ ok: {} }) })
    await app.register(phoenix, { sockets: { '/socket': socket }, limits })
    const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/socket/websocket`
    const from = (address: string) => upgrade(url, { 'x-forwarded-for': address })
    expect((await refusal(() => from('192.0.2.1'))).answer.status).toBe(429)
    expect((await from('192.0.2.2')).status).toBe(101)
  })
})

describe('an address with the maximum number of connections', () => {
  const limits = { maxConnectionsPerAddress: 2 }
  const REFUSED = { status: 429, headers: { 'retry-after': '5' }, body: '' }

  /** A server behind a proxy, which tells it where a client is. */
  async function serve() {
    const app = fastify({ trustProxy: 'loopback' })
    onTestFinished(() => app.close())
    const socket = defineSocket({ connect: () => ({ ok: {} }) })
    await app.register(phoenix, { sockets: { '/socket': { socket, longpoll: true } }, limits })
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
    return {
      app,
      come: (address: string) => connect(url, from(address)),
      ask: (address: string) => upgrade(`${base}/socket/websocket?vsn=2.0.0`, from(address).headers),
      poll: (address: string) => request(`${base}/socket/longpoll?vsn=2.0.0`, from(address)),
    }
  }

  test('is refused with 429 until one of them has closed; other addresses are accepted (LIMIT-6)', async () => {
    const { app, come, ask, poll } = await serve()
    const told = listenTo(telemetry.limitReached)
    const [first] = [await come('192.0.2.1'), await poll('192.0.2.1')]
    expect(await ask('192.0.2.1')).toMatchObject(REFUSED)
    expect(await poll('192.0.2.1')).toMatchObject(REFUSED)
    expect(told.map(({ limit }) => limit)).toEqual(Array(2).fill('maxConnectionsPerAddress'))
    await come('192.0.2.2')
    first.ws.terminate()
    await expect.poll(() => serverOf(app.endpoint).sockets.size).toBe(2)
    await come('192.0.2.1')
  })

  test('is a network of 64 bits in IPv6 (LIMIT-6)', async () => {
    const { come, ask } = await serve()
    await come('2001:db8:1:2::1')
    await come('2001:db8:1:2:ffff::1')
    expect(await ask('2001:db8:1:2:3:4:5:6')).toMatchObject(REFUSED)
    await come('2001:db8:1:3::1')
  })

  test.each(['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])(
    'is not %s (LIMIT-6)',
    async (loopback) => {
      const { app, come } = await serve()
      for (let n = 0; n < 3; n += 1) await come(loopback)
      expect(serverOf(app.endpoint).sockets.size).toBe(3)
    },
  )

  test('is that of the proxy if no proxy is trusted (LIMIT-6)', async () => {
    const server = await serveChannel({}, { ...options, limits })
    const { server: http } = server.app
    // Tests come from loopback, which is not counted.
    http.prependListener('connection', (tcp) =>
      Object.defineProperty(tcp, 'remoteAddress', { value: '192.0.2.1' }),
    )
    await server.connect()
    expect((await longpoll(server)).status).toBe(200)
    expect(await websocket(server)).toMatchObject(REFUSED)
    expect(await longpoll(server)).toMatchObject(REFUSED)
  })

  test.each([
    ['names TRUST_PROXY where a header says that it is a proxy', false, '203.0.113.9', /TRUST_PROXY/],
    ['names nothing more without the header', false, undefined, /one address$/],
    ['names nothing more where proxies are trusted', '10.0.0.1', '203.0.113.9', /one address$/],
  ])('is logged in one line, which %s', async (_what, trustProxy, forwarded, message) => {
    const lines: { level: number; msg: string }[] = []
    const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const app = fastify({ trustProxy, logger: { level: 'warn', stream } })
    onTestFinished(() => app.close())
    const socket = defineSocket({ connect: () => ({ ok: {} }) })
    await app.register(phoenix, { sockets: { '/socket': { socket, longpoll: true } }, limits })
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    const poll = () => app.inject({ url: '/socket/longpoll?vsn=2.0.0', remoteAddress: '192.0.2.1', headers })
    for (let n = 0; n < 5; n += 1) await poll()
    const [line] = lines.filter(({ msg }) => msg.startsWith('too many'))
    expect(line).toMatchObject({
      level: 40,
      address: '192.0.2.1',
      count: 1,
      msg: expect.stringMatching(message),
    })
  })
})
