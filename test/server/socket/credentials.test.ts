import { Type } from 'typebox'
import { expect, test, vi } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { defineChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import { type ConnectResult, defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

type User = { readonly id: string; readonly rooms: readonly string[] }

const auth = { refresh: { warn: 'token_expiring', event: 'refresh_token' } }
const Room = defineContract({ topic: 'room:*' })
const Quiet = defineContract({ topic: 'quiet:*' })
const mayJoin = (user: User, topic: string) => user.rooms.includes(topic)

const RoomChannel = defineChannel(Room, { auth, authorize: mayJoin, join: () => ({ ok: {} }) })
const QuietChannel = defineChannel(Quiet, { join: (_params, _socket) => ({ ok: {} }) })

/** Tokens of the test are the user as JSON: `u1 room:a room:b`; one of `bad` is refused, `boom` throws. */
function read(token: string): ConnectResult<User> {
  if (token === 'boom') throw new Error('boom')
  const [id = '', ...rooms] = token.split(' ')
  if (id === 'bad') return { error: 'invalid' }
  return { ok: { id, rooms }, expiresAt: Date.now() + 120_000 }
}

async function open(token = 'u1 room:a room:b') {
  const socket = defineSocket({ connect: () => read(token), refresh: read })
    .id(({ id }) => `user:${id}`)
    .channel(RoomChannel)
    .channel(QuietChannel)
  const endpoint = new TestEndpoint()
  const client = await endpoint.connect(socket)
  const join = (topic: string, ref: string) => client.ask(`["${ref}","${ref}","${topic}","phx_join",{}]`)
  join('room:a', '1')
  join('room:b', '2')
  join('quiet:a', '3')
  const refresh = async (fresh: unknown, topic = 'room:a', joinRef = '1') => {
    client.send(`["${joinRef}","9","${topic}","refresh_token",{"token":${JSON.stringify(fresh)}}]`)
    await turn()
    return client.take()
  }
  const sweep = (ms: number) => client.socket.credentials?.sweep(performance.now() + ms)
  return { endpoint, client, join, refresh, sweep }
}

const refusal = (reason: string) =>
  `["1","9","room:a","phx_reply",{"response":{"reason":"${reason}"},"status":"error"}]`

test('a topic that the assigns do not allow is refused before join is called (AUTH-6)', async () => {
  const { join } = await open()
  expect(join('room:c', '4')).toEqual([
    '["4","4","room:c","phx_reply",{"response":{"reason":"unauthorized"},"status":"error"}]',
  ])
})

test('each channel that asks for it is warned once before the expiry, others are not (AUTH-4)', async () => {
  const { client, sweep } = await open()
  sweep(50_000)
  expect(client.take()).toEqual([])
  sweep(70_000)
  sweep(80_000)
  const warnings = client.take().map((frame) => JSON.parse(String(frame)))
  expect(warnings.map(([, , topic, event]) => [topic, event])).toEqual([
    ['room:a', 'token_expiring'],
    ['room:b', 'token_expiring'],
  ])
  const { expires_in_ms: left } = warnings[0][4]
  expect(left).toBeGreaterThan(40_000)
  expect(left).toBeLessThanOrEqual(50_000)
})

test('a channel that joins within the last minute is warned too, once (AUTH-4)', async () => {
  const { client, join, sweep } = await open('u1 room:a room:b room:c')
  sweep(70_000)
  client.take()
  join('room:c', '4')
  sweep(80_000)
  sweep(90_000)
  expect(client.take()).toEqual([expect.stringContaining('"room:c","token_expiring"')])
})

test('a refused join is not warned before its reply (JOIN-2)', async () => {
  const decision = new Deferred<{ ok: Record<string, never> }>()
  const Slow = defineChannel(defineContract({ topic: 'slow:*' }), { join: () => decision.promise })
  const Full = defineChannel(defineContract({ topic: 'full:*' }), {
    auth,
    join: () => ({ error: { reason: 'full' } }),
  })
  const socket = defineSocket({ connect: () => read('u1'), refresh: read })
    .id(({ id }) => id)
    .channel(Slow)
    .channel(Full)
  const client = await new TestEndpoint().connect(socket)
  client.send('["1","1","slow:a","phx_join",{}]', '["2","2","full:a","phx_join",{}]')
  client.socket.credentials?.sweep(performance.now() + 90_000)
  decision.resolve({ ok: {} })
  await turn()
  expect(client.take()).toEqual([
    '["1","1","slow:a","phx_reply",{"response":{},"status":"ok"}]',
    '["2","2","full:a","phx_reply",{"response":{"reason":"full"},"status":"error"}]',
  ])
})

test('a warning does not count as a push of a pending handleOut (RECOVERY-8)', async () => {
  const decision = new Deferred<void>()
  const Log = defineContract({
    topic: 'log:*',
    outgoing: { msg: Type.Any() },
    history: { events: ['msg'], size: 10 },
  })
  const LogChannel = defineChannel(Log, {
    auth,
    join: () => ({ ok: {} }),
    handleOut: {
      async msg(payload, socket) {
        socket.push('msg', payload)
        await decision.promise
      },
    },
  })
  const endpoint = new TestEndpoint({ histories: [Log] })
  const socket = defineSocket({ connect: () => read('u1'), refresh: read })
    .id(({ id }) => id)
    .channel(LogChannel)
  const client = await endpoint.connect(socket)
  client.ask('["1","1","log:a","phx_join",{"_since":null}]')
  await turn()
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  client.socket.credentials?.sweep(performance.now() + 90_000)
  expect(String(client.take())).toMatch(/^\["1",null,"log:a","token_expiring",\{"expires_in_ms":\d+\}\]$/)
  decision.resolve()
  await turn()
  expect(client.take()).toEqual(['["1",null,"log:a","msg",{"n":1,"_seq":1}]'])
})

test('at the expiry the connection is closed with 4401, and its channels end (AUTH-7)', async () => {
  const { client, sweep } = await open()
  sweep(119_000)
  expect(client.transport.closeCode).toBeNull()
  sweep(120_001)
  expect(client.transport.closeCode).toBe(4401)
  expect(client.socket.channelCount).toBe(0)
})

test('a fresh token extends the connection, and its channels are warned of the new expiry, too (AUTH-5)', async () => {
  const { client, refresh, sweep } = await open()
  sweep(100_000)
  client.take()
  const [reply] = await refresh('u1 room:a room:b')
  expect(reply).toMatch(
    /^\["1","9","room:a","phx_reply",\{"response":\{"expires_in_ms":1[12]\d{4}\},"status":"ok"\}\]$/,
  )
  sweep(70_000)
  expect(client.take()).toHaveLength(2)
})

test.each([
  ['that is not accepted', 'bad', 'unauthorized'],
  ['of somebody else', 'u2 room:a room:b', 'unauthorized'],
  ['whose check throws', 'boom', 'unauthorized'],
  ['that is not text', 7, 'invalid payload'],
])('a token %s changes nothing (AUTH-5)', async (_what, token, reason) => {
  const { client, refresh, sweep } = await open()
  const [reply] = await refresh(token)
  expect(JSON.parse(String(reply))[4]).toMatchObject({ status: 'error', response: { reason } })
  sweep(120_001)
  expect(client.transport.closeCode).toBe(4401)
})

test('a client can try tokens at most once a second (AUTH-5)', async () => {
  const { refresh } = await open()
  expect(await refresh('bad')).toEqual([refusal('unauthorized')])
  const [reply] = await refresh('u1 room:a room:b')
  const { response } = JSON.parse(String(reply))[4]
  expect(response.reason).toBe('rate_limited')
  expect(response.retry_after_ms).toBeGreaterThan(900)
})

test('a topic that the fresh token does not allow is closed, the others stay joined (AUTH-6)', async () => {
  const { client, refresh } = await open()
  const frames = await refresh('u1 room:a')
  expect(frames[0]).toBe('["2","2","room:b","phx_close",{}]')
  expect(frames[1]).toContain('"status":"ok"')
  expect([...client.socket.channels].map(({ topic }) => topic)).toEqual(['room:a', 'quiet:a'])
  expect(client.socket.assigns).toEqual({ id: 'u1', rooms: ['room:a'] })
})

test('the channel on which the token was sent is closed after its reply (AUTH-6)', async () => {
  const { refresh } = await open()
  const frames = await refresh('u1 room:b')
  expect(frames[0]).toContain('"status":"ok"')
  expect(frames[1]).toBe('["1","1","room:a","phx_close",{}]')
})

test('a pending join is refused if the fresh token does not allow it (AUTH-6)', async () => {
  const Slow = defineChannel(defineContract({ topic: 'slow:*' }), {
    authorize: mayJoin,
    join: () => new Promise<never>(() => {}),
  })
  const socket = defineSocket({ connect: () => read('u1 room:a slow:a'), refresh: read })
    .id(({ id }) => id)
    .channel(RoomChannel)
    .channel(Slow)
  const client = await new TestEndpoint().connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]', '["2","2","slow:a","phx_join",{}]')
  client.send('["1","9","room:a","refresh_token",{"token":"u1 room:a"}]')
  await turn()
  expect(client.take()[0]).toBe(
    '["2","2","slow:a","phx_reply",{"response":{"reason":"unauthorized"},"status":"error"}]',
  )
})

test('a join that is accepted but not yet answered is answered before its channel is closed (AUTH-6)', async () => {
  const decision = new Deferred<{ ok: Record<string, never> }>()
  const ends: unknown[] = []
  const Slow = defineChannel(defineContract({ topic: 'slow:*' }), { join: () => decision.promise })
  const Fast = defineChannel(defineContract({ topic: 'fast:*' }), {
    authorize: mayJoin,
    join: () => ({ ok: {} }),
    terminate: (reason) => void ends.push(reason),
  })
  const socket = defineSocket({ connect: () => read('u1 room:a fast:a'), refresh: read })
    .id(({ id }) => id)
    .channel(RoomChannel)
    .channel(Slow)
    .channel(Fast)
  const client = await new TestEndpoint().connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]')
  // Replies leave in the order of the joins: that of `fast:a` waits for that of `slow:a`.
  client.send('["2","2","slow:a","phx_join",{}]', '["3","3","fast:a","phx_join",{}]')
  client.send('["1","9","room:a","refresh_token",{"token":"u1 room:a"}]')
  await turn()
  expect(String(client.take())).toContain('"expires_in_ms"')
  expect(ends).toEqual([shutdown('unauthorized')])

  decision.resolve({ ok: {} })
  await turn()

  expect(client.take()).toEqual([
    '["2","2","slow:a","phx_reply",{"response":{},"status":"ok"}]',
    '["3","3","fast:a","phx_reply",{"response":{},"status":"ok"}]',
    '["3","3","fast:a","phx_close",{}]',
  ])
  expect([...client.socket.channels].map(({ topic }) => topic)).toEqual(['room:a', 'slow:a'])
})

test('a channel that its client leaves while authorize is pending ends once (AUTH-6, END-3)', async () => {
  const decision = new Deferred<boolean>()
  const answers = [true, decision.promise]
  const ends: unknown[] = []
  const Left = defineChannel(defineContract({ topic: 'left:*' }), {
    authorize: () => answers.shift() ?? false,
    join: () => ({ ok: {} }),
    terminate: (reason) => void ends.push(reason),
  })
  const socket = defineSocket({ connect: () => read('u1 room:a'), refresh: read })
    .id(({ id }) => id)
    .channel(RoomChannel)
    .channel(Left)
  const client = await new TestEndpoint().connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]', '["2","2","left:a","phx_join",{}]')
  client.send('["1","9","room:a","refresh_token",{"token":"u1 room:a"}]')
  await turn()
  expect(client.ask('["2","3","left:a","phx_leave",{}]')).toEqual([
    '["2","3","left:a","phx_reply",{"response":{},"status":"ok"}]',
    '["2","2","left:a","phx_close",{}]',
  ])

  decision.resolve(false)
  await turn()

  const [reply, ...others] = client.take()
  expect(reply).toContain('"expires_in_ms"')
  expect(others).toEqual([])
  expect(ends).toEqual([shutdown('left')])
})

test('an authorize that throws refuses the topic, and is reported (AUTH-6)', async () => {
  const Broken = defineChannel(Room, {
    auth,
    authorize(user: User) {
      if (user.rooms.length === 0) throw new Error('boom')
      return true
    },
    join: () => ({ ok: {} }),
  })
  const socket = defineSocket({ connect: () => read('u1 x'), refresh: read })
    .id(({ id }) => id)
    .channel(Broken)
  const endpoint = new TestEndpoint()
  const client = await endpoint.connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]', '["2","2","room:b","phx_join",{}]')
  client.send('["1","9","room:a","refresh_token",{"token":"u1"}]')
  await turn()
  expect(client.socket.channelCount).toBe(0)
  expect(endpoint.errors.map(({ callback }) => callback)).toEqual(['authorize', 'authorize'])
})

test.each([
  ['nothing', undefined, 'the result must be either { ok: assigns } or { error: reason }'],
  ['true', true, 'the result must be either { ok: assigns } or { error: reason }'],
  ['an unknown key', { ok: { id: 'u1', rooms: [] }, expires: 1 }, 'the result has an unknown key "expires"'],
])('a refresh that returns %s accepts no token, and is reported (AUTH-5)', async (_, result, message) => {
  const socket = defineSocket({ connect: () => read('u1 room:a'), refresh: () => result as never })
    .id(({ id }) => id)
    .channel(RoomChannel)
  const endpoint = new TestEndpoint()
  const client = await endpoint.connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]')
  client.send('["1","9","room:a","refresh_token",{"token":"u1"}]')
  await turn()
  expect(client.take()).toEqual([refusal('unauthorized')])
  expect(endpoint.errors).toMatchObject([{ callback: 'refresh' }])
  expect(endpoint.causes).toEqual([expect.objectContaining({ message: expect.stringContaining(message) })])
})

test('a result of authorize that is not a boolean closes the channel, and is reported (AUTH-6)', async () => {
  const answers: unknown[] = [true, 1]
  const Odd = defineChannel(Room, {
    auth,
    authorize: () => answers.shift() as never,
    join: () => ({ ok: {} }),
  })
  const socket = defineSocket({ connect: () => read('u1'), refresh: read })
    .id(({ id }) => id)
    .channel(Odd)
  const endpoint = new TestEndpoint()
  const client = await endpoint.connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]')
  client.send('["1","9","room:a","refresh_token",{"token":"u1"}]')
  await turn()
  expect(client.socket.channelCount).toBe(0)
  expect(endpoint.causes).toMatchObject([{ message: 'authorize must return true or false (got 1)' }])
})

test('a token that was sent earlier does not replace a later one (AUTH-5)', async () => {
  useFakeTimers()
  const earlier = new Deferred<void>()
  const socket = defineSocket({
    connect: () => read('u1 room:a room:b'),
    async refresh(token: string) {
      if (token.endsWith('earlier')) await earlier.promise
      return read(token)
    },
  })
    .id(({ id }) => id)
    .channel(RoomChannel)
  const client = await new TestEndpoint().connect(socket)
  client.ask('["1","1","room:a","phx_join",{}]', '["2","2","room:b","phx_join",{}]')
  client.send('["1","8","room:a","refresh_token",{"token":"u1 room:a earlier"}]')
  vi.advanceTimersByTime(1_000)
  client.send('["2","9","room:b","refresh_token",{"token":"u1 room:a room:b later"}]')
  await vi.advanceTimersByTimeAsync(0)
  earlier.resolve()
  await vi.advanceTimersByTimeAsync(0)
  const reply = (ref: string) =>
    expect.stringMatching(`${ref}","phx_reply",{"response":{"expires_in_ms":\\d+},"status":"ok"}`)
  expect(client.take()).toEqual([reply('9","room:b'), reply('8","room:a')])
  expect(client.socket.assigns).toMatchObject({ rooms: ['room:a', 'room:b', 'later'] })
  expect(client.socket.channelCount).toBe(2)
})

test('authorize by an earlier token does not close a channel that a later token allows (AUTH-5)', async () => {
  useFakeTimers()
  const earlier = new Deferred<void>()
  const Room = defineChannel(defineContract({ topic: 'room:*' }), {
    auth,
    async authorize({ rooms }: User, topic: string) {
      if (rooms.includes('earlier') && topic === 'room:b') await earlier.promise
      return rooms.includes(topic)
    },
    join: () => ({ ok: {} }),
  })
  const socket = defineSocket({ connect: () => read('u1 room:a room:b'), refresh: read })
    .id(({ id }) => id)
    .channel(Room)
  const client = await new TestEndpoint().connect(socket)
  client.send('["1","1","room:a","phx_join",{}]', '["2","2","room:b","phx_join",{}]')
  await vi.advanceTimersByTimeAsync(0)
  client.send('["1","8","room:a","refresh_token",{"token":"u1 room:a earlier"}]')
  await vi.advanceTimersByTimeAsync(1_000)
  client.send('["2","9","room:b","refresh_token",{"token":"u1 room:a room:b later"}]')
  await vi.advanceTimersByTimeAsync(0)
  earlier.resolve()
  await vi.advanceTimersByTimeAsync(0)
  expect(client.socket.assigns).toMatchObject({ rooms: ['room:a', 'room:b', 'later'] })
  expect(client.socket.channelCount).toBe(2)
})

test('a connection without an expiry keeps no state for it', async () => {
  const client = await new TestEndpoint().connect(defineSocket({ connect: () => ({ ok: {} }) }))
  expect(client.socket.credentials).toBeNull()
})
