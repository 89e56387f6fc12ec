import { afterEach, expect, test, vi } from 'vitest'
import type { Channel } from '../../../server/channel/channel.ts'
import type { ChannelSocket, SocketRef } from '../../../server/channel/channel-socket.ts'
import { type ChannelDefinition, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { UsageError } from '../../../server/errors.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { turn } from '../../helpers/deferred.ts'

type Handle = ChannelSocket & Channel
type Act = (socket: Handle, payload: unknown) => unknown

afterEach(() => vi.useRealTimers())

/** One client that has joined `room:lobby`; the event `act` runs the test's own code in the channel. */
async function setUp(act: Act, more: Partial<Parameters<typeof defineUntypedChannel>[1]> = {}) {
  const channel = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    ...more,
    handleIn: { act: (payload, socket) => act(socket as Handle, payload) as undefined },
  })
  return join(channel)
}

async function join(channel: ChannelDefinition) {
  const endpoint = new TestEndpoint()
  const socket = defineSocket({ connect: () => ({ ok: { userId: 'u1' } }) })
    .id(({ userId }) => `user:${userId}`)
    .channel(channel as ChannelDefinition<{ userId: string }>)
  const client = await endpoint.connect(socket)
  const joined = client.ask('["1","1","room:lobby","phx_join",{}]')
  return { endpoint, client, joined, socket }
}

const ACT = '["1","2","room:lobby","act",{"n":1}]'

test("has its topic, the sub-topic, the socket's id and its assigns", async () => {
  const { client } = await setUp((socket) => ({
    ok: [socket.topic, socket.subtopic, socket.socketId, socket.assigns],
  }))
  expect(client.ask(ACT)).toEqual([
    '["1","2","room:lobby","phx_reply",{"response":["room:lobby","lobby","user:u1",{"userId":"u1"}],"status":"ok"}]',
  ])
})

test('has its own constant id', async () => {
  const ids: string[] = []
  const { client } = await setUp((socket) => void ids.push(socket.id))
  client.send(ACT, ACT, '["3","3","room:other","phx_join",{}]', '["3","4","room:other","act",{}]')
  expect(ids).toHaveLength(3)
  expect(ids[0]).toBe(ids[1])
  expect(ids[0]).not.toBe(ids[2])
})

test('a push is sent to this client, with the join_ref and without a ref (FRAME-8)', async () => {
  const { client, endpoint, socket } = await setUp((handle) => handle.push('pushed', { n: 2 }))
  const other = await endpoint.connect(socket)
  other.ask('["9","9","room:lobby","phx_join",{}]')
  expect(client.ask(ACT)).toEqual(['["1",null,"room:lobby","pushed",{"n":2}]'])
  expect(other.take()).toEqual([])
})

test('a push carries the ref of a join that had no join_ref (JOIN-4)', async () => {
  const { client } = await setUp((handle) => handle.push('pushed', {}))
  client.ask('[null,"9","room:b","phx_join",{}]')
  expect(client.ask('[null,"10","room:b","act",{}]')).toEqual(['["9",null,"room:b","pushed",{}]'])
})

test('a broadcast is sent to all members, including the sender (BROADCAST-1)', async () => {
  const { client, endpoint, socket } = await setUp((handle) => handle.broadcast('said', { n: 2 }))
  const other = await endpoint.connect(socket)
  other.ask('["9","9","room:lobby","phx_join",{}]')
  expect(client.ask(ACT)).toEqual(['[null,null,"room:lobby","said",{"n":2}]'])
  expect(other.take()).toEqual(['[null,null,"room:lobby","said",{"n":2}]'])
})

test('broadcastFrom excludes only this channel, not others of the same user (BROADCAST-2)', async () => {
  const { client, endpoint, socket } = await setUp((handle) => handle.broadcastFrom('said', {}))
  const second = await endpoint.connect(socket)
  second.ask('["9","9","room:lobby","phx_join",{}]')
  expect(client.ask(ACT)).toEqual([])
  expect(second.take()).toEqual(['[null,null,"room:lobby","said",{}]'])
})

test.each<[string, Act]>([
  ['push', (socket) => socket.push('e', {})],
  ['broadcast', (socket) => socket.broadcast('e', {})],
  ['broadcastFrom', (socket) => socket.broadcastFrom('e', {})],
])('%s before the join is answered is an error of the application (JOIN-3)', async (call, act) => {
  const channel = defineUntypedChannel('room:*', {
    join(_params, socket) {
      act(socket as Handle, undefined)
      return { ok: {} }
    },
  })
  const { endpoint, joined } = await join(channel)
  expect(joined).toEqual([
    '["1","1","room:lobby","phx_reply",{"response":{"reason":"join crashed"},"status":"error"}]',
  ])
  expect(endpoint.causes).toMatchObject([{ name: 'UsageError', code: 'PHX_ERR_NOT_JOINED' }])
  expect(String(endpoint.causes[0])).toContain(
    `room:lobby: ${call}() cannot be called before the join is answered`,
  )
})

test.each<[string, Act]>([
  ['a push that is not an object', (socket) => socket.push('e', [1] as never)],
  ['a broadcast that is not an object', (socket) => socket.broadcast('e', 'text' as never)],
  ['a broadcast with a cycle', (socket) => socket.broadcast('e', cyclic() as never)],
  ['a reply with a bigint', (socket) => socket.reply(socket.ref(), { ok: 1n })],
  ['an invalid reply', (socket) => socket.reply(socket.ref(), { oops: 1 } as never)],
])('%s crashes the channel that sends it (FRAME-6, END-2)', async (_what, act) => {
  const { client, endpoint } = await setUp(act)
  expect(client.ask(ACT)).toEqual(['["1","1","room:lobby","phx_error",{"reason":"channel_crash"}]'])
  expect(endpoint.errors).toHaveLength(1)
})

test('with a reference a message can be answered later, from anywhere and repeatedly (REPLY-3)', async () => {
  let ref: SocketRef<unknown> | null = null
  let handle: Handle | null = null
  const { client } = await setUp((socket) => {
    handle = socket
    ref = socket.ref()
  })
  client.send(ACT)
  const reply = (n: number) => handle?.reply(ref as SocketRef<unknown>, { ok: { n } })
  reply(1)
  client.send('["1","3","room:lobby","phx_leave",{}]')
  client.take()
  reply(2)
  expect(client.take()).toEqual(['["1","2","room:lobby","phx_reply",{"response":{"n":2},"status":"ok"}]'])
})

test('a reply after the connection has closed has no effect', async () => {
  let late = () => {}
  const { client, endpoint } = await setUp((socket) => {
    const ref = socket.ref()
    late = () => socket.reply(ref, { ok: {} })
  })
  client.send(ACT)
  client.socket.closed('closed')
  client.transport.close(1000)
  late()
  expect([client.take(), endpoint.errors]).toEqual([[], []])
})

test('ref() works only while a message of the client is handled', async () => {
  const { client, endpoint } = await setUp((socket) => socket.sendInfo('later'), {
    handleInfo: { later: (_value, socket) => void socket.ref() },
  })
  expect(client.ask(ACT)).toEqual(['["1","1","room:lobby","phx_error",{"reason":"channel_crash"}]'])
  expect(endpoint.causes).toMatchObject([{ code: 'PHX_ERR_NO_REF' }])
})

test('in an asynchronous handler ref() still works after an await', async () => {
  const { client } = await setUp(async (socket) => {
    await turn()
    socket.reply(socket.ref(), { ok: { late: true } })
  })
  client.send(ACT)
  await turn().then(turn)
  expect(client.take()).toEqual([
    '["1","2","room:lobby","phx_reply",{"response":{"late":true},"status":"ok"}]',
  ])
})

test('a message to the channel itself is handled after the callback that sent it, and after its reply', async () => {
  const { client } = await setUp(
    (socket) => {
      socket.sendInfo('after', { n: 7 })
      return { ok: {} }
    },
    { handleInfo: { after: (value: unknown, socket) => socket.push('info', value as object) } },
  )
  expect(client.ask(ACT)).toEqual([
    '["1","2","room:lobby","phx_reply",{"response":{},"status":"ok"}]',
    '["1",null,"room:lobby","info",{"n":7}]',
  ])
})

test('a message that join sends to the channel is handled after the join reply', async () => {
  const channel = defineUntypedChannel('room:*', {
    join(_params, socket) {
      socket.sendInfo('after_join')
      return { ok: {} }
    },
    handleInfo: { after_join: (_value, socket) => socket.push('welcome', {}) },
  })
  const { joined } = await join(channel)
  expect(joined).toEqual([
    '["1","1","room:lobby","phx_reply",{"response":{},"status":"ok"}]',
    '["1",null,"room:lobby","welcome",{}]',
  ])
})

test('a message to the channel without a handler throws an error with a message', async () => {
  const errors: unknown[] = []
  const { client } = await setUp(
    (socket) => {
      for (const send of [() => socket.sendInfo('tock'), () => socket.sendInfoAfter(1, 'tock')]) {
        try {
          send()
        } catch (error) {
          errors.push(error)
        }
      }
      expect(() => socket.subscribe('news')).toThrow('handleInfo has no handler "broadcast"')
    },
    { handleInfo: { tick() {} } },
  )
  client.send(ACT)
  expect(errors).toHaveLength(2)
  expect(errors[0]).toBeInstanceOf(UsageError)
  expect(String(errors[1])).toContain('room:lobby: handleInfo has no handler "tock". Handlers: tick')
})

test('a delayed message arrives after its delay, unless it is cancelled', async () => {
  vi.useFakeTimers()
  let cancel = () => {}
  const { client } = await setUp(
    (socket) => {
      socket.sendInfoAfter(1_000, 'tick', { n: 1 })
      cancel = socket.sendInfoAfter(1_000, 'tick', { n: 2 })
    },
    { handleInfo: { tick: (value: unknown, socket) => socket.push('tick', value as object) } },
  )
  client.send(ACT)
  cancel()
  vi.advanceTimersByTime(999)
  expect(client.take()).toEqual([])
  vi.advanceTimersByTime(1)
  expect(client.take()).toEqual(['["1",null,"room:lobby","tick",{"n":1}]'])
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
  'sendInfoAfter refuses a delay of %d ms, which no timer supports',
  async (ms) => {
    const { client } = await setUp(
      (socket) => {
        expect(() => socket.sendInfoAfter(ms, 'tick')).toThrow(
          `the delay of sendInfoAfter must be a number of milliseconds from 0 to 2147483647 (got ${ms})`,
        )
        socket.push('checked', {})
      },
      { handleInfo: { tick() {} } },
    )
    client.send(ACT)
    expect(client.take()).toEqual(['["1",null,"room:lobby","checked",{}]'])
  },
)

test('a channel that has ended starts no timers and accepts no messages or subscriptions (END-3)', async () => {
  vi.useFakeTimers()
  const handles: Handle[] = []
  const infos: unknown[] = []
  const handleInfo = { tick: (value: unknown) => void infos.push(value), broadcast() {} }
  const { client, endpoint } = await setUp((socket) => void handles.push(socket), { handleInfo })
  client.send(ACT, '["1","3","room:lobby","phx_leave",{}]')
  for (const channel of handles) {
    channel.sendInfo('tick', 1)
    channel.sendInfoAfter(10, 'tick', 2)()
    channel.sendInfoAfter(10, 'tick', 3)
    channel.subscribe('news')
  }
  expect(handles).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
  expect([...endpoint.pubsub.topics('')]).toEqual(['user:u1'])
  expect(infos).toEqual([])
})

test('broadcasts of another topic arrive at handleInfo.broadcast until the channel unsubscribes', async () => {
  const seen: unknown[] = []
  const { client, endpoint } = await setUp(
    (socket, payload) => {
      if (payload === 'go') socket.unsubscribe('news')
      else socket.subscribe('news')
    },
    { handleInfo: { broadcast: ({ topic, event, payload }) => void seen.push([topic, event, payload]) } },
  )
  client.send(ACT, ACT)
  void endpoint.broadcast('news', 'headline', { n: 1 })
  client.send('["1","3","room:lobby","act","go"]')
  void endpoint.broadcast('news', 'headline', { n: 2 })
  expect(seen).toEqual([['news', 'headline', { n: 1 }]])
  expect(client.take()).toEqual([])
})

test('calls an end listener once, even if it is added after the end', async () => {
  const told: unknown[] = []
  const listener = { ended: (channel: { topic: string }) => void told.push(channel.topic) }
  const handles: Handle[] = []
  const { client } = await setUp((socket) => {
    handles.push(socket)
    socket.onEnd(listener)
  })
  client.send(ACT)
  expect(told).toEqual([])
  client.send('["1","3","room:lobby","phx_leave",{}]')
  expect(told).toEqual(['room:lobby'])
  handles[0]?.onEnd(listener)
  expect(told).toEqual(['room:lobby', 'room:lobby'])
})

function cyclic(): object {
  const value: { self?: object } = {}
  value.self = value
  return value
}
