import net from 'node:net'
import { Type } from 'typebox'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Binary, defineChannel, defineContract, defineSocket, shutdown } from '../../../server/index.ts'
import { exactly, JoinRefused, Refused, testEndpoint } from '../../../server/testing/index.ts'
import type { TestEndpointOptions } from '../../../server/testing/test-endpoint.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ name: Type.Optional(Type.String()) }),
  reply: Type.Object({ room: Type.String() }),
  incoming: {
    new_msg: { payload: Type.Object({ body: Type.String() }), reply: Type.Object({ number: Type.Number() }) },
    whisper: { payload: Type.Object({ body: Type.String() }) },
    upload: { payload: Binary, reply: Binary },
    later: { payload: Type.Object({ ms: Type.Number() }) },
    stop: { payload: Type.Object({}) },
    boom: { payload: Type.Object({}) },
  },
  outgoing: {
    new_msg: Type.Object({ body: Type.String() }),
    hidden: Type.Object({}),
    ended: Type.Object({}),
  },
})

type Assigns = { user: string; sent: number; ends: unknown[] }
const ends: unknown[] = []

const RoomChannel = defineChannel(Room, {
  assigns: ({ user }: { user: string }): Assigns => ({ user, sent: 0, ends: [] }),
  async join({ name }, socket) {
    if (name === 'Mallory') return { error: { reason: 'unwanted' } }
    if (name === 'Bug') throw new Error('join broke')
    return { ok: { room: socket.subtopic } }
  },
  handleIn: {
    new_msg({ body }, socket) {
      socket.assigns.sent += 1
      socket.broadcast('new_msg', { body })
      return { ok: { number: socket.assigns.sent } }
    },
    async whisper({ body }, socket) {
      await new Promise((resolve) => setImmediate(resolve))
      socket.broadcastFrom('new_msg', { body })
    },
    upload: (bytes) => ({ ok: bytes.map((byte) => byte + 1) }),
    later({ ms }, socket) {
      socket.sendInfoAfter(ms, 'later')
    },
    stop: () => ({ stop: 'normal' }),
    boom() {
      throw new Error('it broke')
    },
  },
  handleInfo: {
    later: (_value, socket) => socket.push('new_msg', { body: 'later' }),
  },
  handleOut: { hidden: () => {} },
  terminate: (reason) => void ends.push(reason),
})

const UserSocket = defineSocket({
  params: Type.Object({ user: Type.String(), seat: Type.Optional(Type.Unknown()) }),
  connectInfo: ['peerData', 'uri', 'userAgent', 'xHeaders', 'cookies'],
  connect: ({ user, ...others }, info) =>
    user === 'Eve' ? { error: { banned: true } } : { ok: { user, others, info } },
})
  .id(({ user }) => `user:${user}`)
  .channel(RoomChannel)

async function start(options: Partial<TestEndpointOptions> = {}) {
  const { endpoint, close } = await testEndpoint({
    sockets: { '/socket': UserSocket },
    ...options,
  })
  onTestFinished(close)
  const join = async (user = 'Ann', topic: `room:${string}` = 'room:lobby') =>
    (await endpoint.connect('/socket', { user })).subscribeAndJoin(Room, topic)
  return { endpoint, join }
}

test('a client can join, send and receive, and no port is opened', async () => {
  const forbidden = () => {
    throw new Error('a network is used')
  }
  const spies = [
    vi.spyOn(net.Server.prototype, 'listen').mockImplementation(forbidden),
    vi.spyOn(net.Socket.prototype, 'connect').mockImplementation(forbidden),
  ]
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
  })
  expect(() => net.createServer().listen(0)).toThrow('a network is used')
  const { join } = await start()
  const [room, other] = [await join(), await join('Bo')]
  expect(room.reply).toEqual({ room: 'lobby' })
  expect(await room.push('new_msg', { body: 'hi' }).reply()).toEqual({
    status: 'ok',
    response: { number: 1 },
  })
  for (const each of [room, other]) {
    expect(await each.pushed('new_msg')).toEqual({ body: 'hi' })
    await each.broadcasted('new_msg', { body: 'hi' })
  }
  expect(room.channel.assigns).toEqual({ user: 'Ann', sent: 1, ends: [] })
  expect(room.channel.socketId).toBe('user:Ann')
})

test('a refused connection throws the error of connect', async () => {
  const { endpoint } = await start()
  const refused = endpoint.connect('/socket', { user: 'Eve' })
  await expect(refused).rejects.toThrow(
    'the connection to /socket was refused (cause: connect): { banned: true }',
  )
  await expect(refused).rejects.toMatchObject({
    name: 'Refused',
    refused: 'connect',
    reason: { banned: true },
  })
  await expect(refused).rejects.toBeInstanceOf(Refused)
  await expect(endpoint.connect('/socket')).rejects.toMatchObject({ refused: 'params' })
  await expect(endpoint.connect('/socket', { user: 'Ann', vsn: '3.0.0' })).rejects.toMatchObject({
    refused: 'vsn',
  })
  const tooMany = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`p${n}`, '1']))
  await expect(endpoint.connect('/socket', tooMany)).rejects.toMatchObject({ refused: 'query' })
})

test('params are sent as a query', async () => {
  const { endpoint } = await start()
  const socket = await endpoint.connect('/socket', { user: 'Ünn &=', seat: { row: 1, of: ['a', 'b'] } })
  expect(socket.assigns).toMatchObject({ user: 'Ünn &=', others: { seat: { row: '1', of: ['a', 'b'] } } })
  expect(socket.id).toBe('user:Ünn &=')
})

test('connect gets the parts of the request that its connectInfo lists, from the headers or from the test', async () => {
  const { endpoint } = await start()
  const socket = await endpoint.connect(
    '/socket',
    { user: 'Ann' },
    {
      headers: { 'X-Trace': '7', 'User-Agent': 'tests', Cookie: 'a=b', host: 'chat.example:4000' },
      connectInfo: { peerData: { address: '10.0.0.1', port: 5 } },
    },
  )
  expect(socket.assigns).toMatchObject({
    info: {
      peerData: { address: '10.0.0.1', port: 5 },
      uri: { scheme: 'http', host: 'chat.example', port: 4000, path: '/socket', query: 'vsn=2.0.0&user=Ann' },
      userAgent: 'tests',
      xHeaders: [['x-trace', '7']],
      cookies: { a: 'b' },
    },
  })
  const unlisted = endpoint.connect('/socket', { user: 'Ann' }, { connectInfo: { headers: {} } })
  await expect(unlisted).rejects.toThrow(
    '"headers" is not in the `connectInfo` of the socket or of its mount. Keys there: peerData, ',
  )
})

test('a client can connect to a socket that is mounted at /', async () => {
  const { endpoint } = await start({ sockets: { '/': UserSocket } })
  expect((await endpoint.connect('/', { user: 'Ann' })).id).toBe('user:Ann')
  await expect(endpoint.connect('/socket')).rejects.toThrow(
    'no socket is mounted at /socket. Mounted paths: /',
  )
})

test('wrong use throws at the call', async () => {
  const { endpoint } = await start()
  await expect(endpoint.connect('/sockets')).rejects.toThrow(
    'no socket is mounted at /sockets. Mounted paths: /socket',
  )
  const empty = await testEndpoint({ sockets: {} })
  onTestFinished(empty.close)
  await expect(empty.endpoint.connect('/')).rejects.toThrow('no socket is mounted at /. Mounted paths: none')
  await expect(endpoint.connect('/socket', {}, { header: {} } as never)).rejects.toThrow(
    'endpoint.connect: `options` has an unknown key "header" (did you mean "headers"?)',
  )
  await expect(endpoint.connect('/socket', {}, { connectInfo: { ip: '::1' } } as never)).rejects.toThrow(
    'endpoint.connect: `options`: `connectInfo` has an unknown key "ip". Valid keys: peerData, ',
  )
  await expect(endpoint.connect(undefined as never)).rejects.toThrow(
    'endpoint.connect: the path must be a string (got undefined)',
  )
  const socket = await endpoint.connect('/socket', { user: 'Ann' })
  await expect(socket.subscribeAndJoin(42 as never)).rejects.toThrow(
    'subscribeAndJoin: the first argument must be a topic or a contract (got 42)',
  )
  await expect(testEndpoint({ sockets: {}, time: 1 } as never)).rejects.toThrow(
    'testEndpoint has an unknown key "time"',
  )
})

test('variables of the path, the origin and the limits of connections work as in the plugin', async () => {
  const mount = { socket: UserSocket, checkOrigin: ['https://good.example'] }
  const { endpoint } = await start({ sockets: { '/of/:user': mount }, limits: { maxConnections: 1 } })
  const from = (origin: string) => endpoint.connect('/of/Ann', {}, { headers: { origin } })
  await expect(from('https://bad.example')).rejects.toMatchObject({ refused: 'origin' })
  expect((await from('https://good.example')).id).toBe('user:Ann')
  await expect(endpoint.connect('/of/Bo')).rejects.toMatchObject({ refused: 'maxConnections' })
})

test('a refused join throws its reply', async () => {
  const { endpoint } = await start()
  const socket = await endpoint.connect('/socket', { user: 'Ann' })
  const refused = socket.subscribeAndJoin(Room, 'room:lobby', { name: 'Mallory' })
  await expect(refused).rejects.toBeInstanceOf(JoinRefused)
  await expect(refused).rejects.toMatchObject({ status: 'error', response: { reason: 'unwanted' } })
  const crashed = socket.subscribeAndJoin(Room, 'room:lobby', { name: 'Bug' })
  await expect(crashed).rejects.toMatchObject({ response: { reason: 'join crashed' } })
  expect(endpoint.errors.map(({ message }) => message)).toEqual(['room:*: join failed: join broke'])
  await expect(socket.subscribeAndJoin('other:lobby')).rejects.toThrow('unmatched topic')
  await expect(socket.subscribeAndJoin(Room, 'room:lobby', { name: 7 } as never)).rejects.toThrow(
    'invalid params',
  )
})

test('a payload that does not match is answered with the errors', async () => {
  const room = await (await start()).join()
  await room.push('new_msg', { body: 7 } as never).reply('error', { reason: 'invalid payload' })
  await room.push('unknown', {}).reply('error', exactly({ reason: 'unmatched event' }))
})

test('bytes and version 1 work as in the serializers', async () => {
  const { endpoint, join } = await start()
  const ref = (await join()).push('upload', new Uint8Array([1, 2]))
  expect((await ref.reply('ok')).response).toEqual(new Uint8Array([2, 3]))
  const old = await endpoint.connect('/socket', { user: 'Ann', vsn: '1.0.0' })
  const room = await old.subscribeAndJoin(Room, 'room:lobby')
  await room.push('new_msg', { body: 'hi' }).reply('ok', { number: 1 })
  await room.pushed('new_msg', { body: 'hi' })
})

test('refute waits until all pending callbacks have run', async () => {
  const { join } = await start()
  const [room, other] = [await join(), await join('Bo')]
  await other.refutePushed('new_msg')
  const ref = room.push('whisper', { body: 'psst' })
  await ref.refuteReply()
  await room.refutePushed('new_msg')
  await room.refuteBroadcasted('new_msg', { body: 'no such' })
  await expect(room.refuteBroadcasted('new_msg')).rejects.toThrow(
    'unexpected broadcast on room:lobby: "new_msg"',
  )
  await expect(other.refutePushed('new_msg', (payload) => payload.body === 'psst')).rejects.toThrow(
    '<- this one',
  )
})

test('fake timers control the timers of channels', async () => {
  useFakeTimers()
  const { endpoint, join } = await start()
  const room = await join()
  room.push('later', { ms: 60_000 })
  await endpoint.settled()
  vi.advanceTimersByTime(59_999)
  await room.refutePushed('new_msg')
  vi.advanceTimersByTime(1)
  await room.pushed('new_msg', { body: 'later' })
})

test('a channel can be left, be stopped, crash, or lose its connection', async () => {
  const { endpoint, join } = await start()
  const rooms = [await join(), await join(), await join(), await join()] as const
  ends.splice(0)
  expect(await rooms[0].leave()).toEqual({ status: 'ok', response: {} })
  expect(await rooms[0].ended()).toBe('phx_close')
  rooms[1].push('stop', {})
  expect(await rooms[1].ended()).toBe('phx_close')
  rooms[2].push('boom', {})
  expect(await rooms[2].ended()).toBe('phx_error')
  await rooms[3].kill()
  expect(ends).toEqual([shutdown('left'), 'normal', endpoint.errors[0], shutdown('closed')])
  expect(() => rooms[3].push('stop', {})).toThrow('cannot send "stop": the test closed the connection')
})

test('the server closes the connection', async () => {
  const { endpoint } = await start({ limits: { messageRate: 1, messageBurst: 1, maxRefusals: 1 } })
  const socket = await endpoint.connect('/socket', { user: 'Ann' })
  const room = await socket.subscribeAndJoin(Room, 'room:lobby')
  await room.push('new_msg', { body: '1' }).reply('ok')
  await room.push('new_msg', { body: '2' }).reply('error', { reason: 'rate_limited' })
  room.push('new_msg', { body: '3' })
  expect(await socket.closed()).toBe(1008)
  const next = await endpoint.connect('/socket', { user: 'Ann' })
  await endpoint.disconnect('user:Ann')
  expect(await next.closed()).toBe(1001)
  const short = await start({ timeout: 20 })
  const last = await short.endpoint.connect('/socket', { user: 'Ann' })
  await short.endpoint.disconnect('user:Ann')
  await last.closed()
  await expect(last.closed()).rejects.toThrow(
    /^the server did not close the connection a second time within 20 ms\n.*\n {2}1\. the connection closed with code: 1001 /,
  )
})

test('a frame above the limit of the mount closes the connection with 1009', async () => {
  const mount = { socket: UserSocket, websocket: { maxFrameSize: 100 } }
  const { endpoint } = await start({ sockets: { '/socket': mount } })
  const socket = await endpoint.connect('/socket', { user: 'Ann' })
  const room = await socket.subscribeAndJoin(Room, 'room:lobby')
  room.push('new_msg', { body: 'x'.repeat(100) })
  expect(await socket.closed()).toBe(1009)
})

test('if a client sends faster than its channels work, the server reads it later', async () => {
  const { join } = await start({ limits: { maxQueuedMessages: 2 } })
  const [room, other] = [await join(), await join('Bo')]
  for (let number = 0; number < 10; number += 1) room.push('whisper', { body: String(number) })
  for (let number = 0; number < 10; number += 1)
    expect(await other.pushed('new_msg')).toEqual({ body: String(number) })
})

test('callbacks that never end are named, and do not delay the end of the test', async () => {
  const channel = defineChannel(defineContract({ topic: 'slow:*' }), {
    join: (_params, { subtopic }) => (subtopic === 'join' ? new Promise<never>(() => {}) : { ok: {} }),
    handleInfo: {
      wait: () => new Promise(() => {}),
      rest: () => new Promise((resolve) => setImmediate(resolve)),
    },
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  const { endpoint, close } = await testEndpoint({ sockets: { '/socket': socket }, timeout: 20 })
  const client = await endpoint.connect('/socket')
  const room = await client.subscribeAndJoin('slow:info')
  room.channel.sendInfo('rest')
  await endpoint.settled()
  room.channel.sendInfo('wait')
  const joining = client.subscribeAndJoin('slow:join')
  await expect(joining).rejects.toThrow('no reply to the join of slow:join came')
  await expect(endpoint.settled()).rejects.toThrow(
    /^callbacks are still pending after 20 ms\n {2}slow:info: handleInfo.wait\n {2}slow:join: join$/,
  )
  await close()
})
