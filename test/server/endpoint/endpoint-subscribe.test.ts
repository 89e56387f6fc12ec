import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { type Broadcast, defineContract } from '../../../protocol/index.ts'
import type { ChannelSocket } from '../../../server/channel/channel-socket.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { Supervisor } from '../../../server/supervisor/supervisor.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { JOIN } from '../../helpers/one-channel.ts'

const Room = defineContract({ topic: 'room:*', outgoing: { said: Type.Object({ n: Type.Integer() }) } })

/** Two clients in `room:a`, and their channels. */
async function twoClients() {
  const endpoint = new TestEndpoint()
  const sockets: ChannelSocket<typeof Room>[] = []
  const told: unknown[] = []
  const channel = defineChannel(Room, {
    join(_params, socket) {
      sockets.push(socket)
      return { ok: {} }
    },
    handleInfo: { told: (value: unknown) => void told.push(value) },
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  const clients = [await endpoint.connect(socket), await endpoint.connect(socket)] as const
  for (const client of clients) client.ask(JOIN)
  const [one, two] = sockets
  if (one === undefined || two === undefined) throw new Error('nobody joined')
  return { endpoint, clients, one, two, told }
}

const said = (n: number) => `[null,null,"room:a","said",{"n":${n}}]`

test('broadcastFrom excludes one channel, by its id, with or without the contract (BROADCAST-2)', async () => {
  const { endpoint, clients, one } = await twoClients()
  void endpoint.broadcastFrom(one.id, 'room:a', 'said', { n: 1 })
  void endpoint.broadcastFrom(one.id, Room, 'room:a', 'said', { n: 2 })
  endpoint.localBroadcastFrom(one.id, 'room:a', 'said', { n: 3 })
  endpoint.localBroadcastFrom('nobody', Room, 'room:a', 'said', { n: 4 })
  expect(clients.map((client) => client.take())).toEqual([[said(4)], [said(1), said(2), said(3), said(4)]])
  const wrong = undefined as unknown as string
  const broadcastFrom = () => endpoint.broadcastFrom(wrong, 'room:a', 'said', {})
  expect(broadcastFrom).toThrow(
    /^endpoint.broadcastFrom\(\): `from`, the id of a channel or subscription, must be a string/,
  )
  const localBroadcastFrom = () => endpoint.localBroadcastFrom(wrong, 'room:a', 'said', {})
  expect(localBroadcastFrom).toThrow(/^endpoint.localBroadcastFrom\(\): `from`, the id .* must be a string/)
  const ofAnyLength = (length: number) => endpoint.broadcastFrom('x'.repeat(length), 'room:a', 'said', {})
  expect(() => ofAnyLength(256)).toThrow('must be a string of at most 255 characters')
  expect(() => ofAnyLength(255)).not.toThrow()
})

test('a subscription is called with each broadcast except its own, until it ends', async () => {
  const { endpoint, one } = await twoClients()
  const heard: unknown[] = []
  const hear = ({ topic, event, payload }: Broadcast) => heard.push([topic, event, payload])
  const subscription = endpoint.subscribe('room:a', hear)
  await subscription.ready
  one.broadcast('said', { n: 1 })
  void endpoint.broadcast('room:b', 'said', { n: 2 })
  void endpoint.broadcastFrom(subscription.id, 'room:a', 'said', { n: 3 })
  expect(heard).toEqual([['room:a', 'said', { n: 1 }]])
  expect(endpoint.localMemberCount('room:a')).toBe(2)
  subscription.unsubscribe()
  subscription.unsubscribe()
  void endpoint.broadcast('room:a', 'said', { n: 4 })
  expect(heard).toHaveLength(1)
})

test('a subscription that another subscriber ends during a broadcast is not called', () => {
  const endpoint = new TestEndpoint()
  const heard: string[] = []
  const first = endpoint.subscribe('t', () => second.unsubscribe())
  const second = endpoint.subscribe('t', () => heard.push('second'))
  void endpoint.broadcast('t', 'e', {})
  expect(heard).toEqual([])
  first.unsubscribe()
})

test('an error or rejection of a callback is reported, and all others receive the broadcast', async () => {
  const { endpoint, clients } = await twoClients()
  endpoint.subscribe('room:a', () => {
    throw new Error('one')
  })
  endpoint.subscribe('room:a', async () => {
    await turn()
    throw new Error('two')
  })
  endpoint.localBroadcast('room:a', 'said', { n: 1 })
  expect(clients.map((client) => client.take())).toEqual([[said(1)], [said(1)]])
  await endpoint.stop()
  expect(endpoint.errors.map(({ message }) => message)).toEqual([
    'room:a: subscribe failed: one',
    'room:a: subscribe failed: two',
  ])
  expect(() => endpoint.subscribe('room:a', 1 as unknown as () => void)).toThrow(
    'endpoint.subscribe(): the listener must be a function (got 1)',
  )
})

test('a worker receives the broadcasts of a topic through a subscription that it ends itself', async () => {
  const endpoint = new TestEndpoint()
  const heard = new Deferred<unknown>()
  const listener = defineWorker({
    name: 'listener',
    init(_context: null, worker) {
      return endpoint.subscribe('news', (broadcast) => worker.send('broadcast', broadcast))
    },
    handleInfo: { broadcast: ({ payload }: Broadcast) => heard.resolve(payload) },
    terminate: (_reason, subscription) => subscription.unsubscribe(),
  })
  const supervisor = new Supervisor({ strategy: 'one_for_one' })
  await supervisor.startChild({ worker: listener, context: null })
  void endpoint.broadcast('news', 'new', { n: 1 })
  expect(await heard.promise).toEqual({ n: 1 })
  await supervisor.stop()
  expect(endpoint.pubsub.subscribers('news').size).toBe(0)
})

test('sendInfo reaches the channel with the id until it has ended', async () => {
  const { endpoint, clients, one, two, told } = await twoClients()
  expect(endpoint.channels.size).toBe(0)
  const { id } = one
  expect(endpoint.sendInfo(id, 'told', 7)).toBe(true)
  expect(told).toEqual([7])
  expect(() => endpoint.sendInfo(id, 'other')).toThrow('handleInfo has no handler "other". Handlers: told')
  expect(endpoint.sendInfo('nobody', 'told')).toBe(false)
  clients[0].ask('["1","2","room:a","phx_leave",{}]')
  expect(endpoint.sendInfo(id, 'told', 8)).toBe(false)
  clients[1].ask('["1","2","room:a","phx_leave",{}]')
  expect(endpoint.sendInfo(two.id, 'told', 9)).toBe(false)
  expect(endpoint.channels.size).toBe(0)
})

test("a channel without a contract gets every other event at '*', with its name", async () => {
  const endpoint = new TestEndpoint()
  const channel = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    handleIn: {
      ping: (_payload, _socket, event) => ({ ok: { known: event } }),
      '*': (payload, _socket, event) => ({ ok: { event, payload } }),
    },
  })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  client.ask(JOIN)
  const replies = client.ask(
    '["1","2","room:a","ping",{}]',
    '["1","3","room:a","pong",{"n":1}]',
    '["1","4","room:a","*",{}]',
    '["1","5","room:a","constructor",{}]',
    '["1","6","room:a",7,{}]',
    '["1","7","room:a","phx_leave",{}]',
  )
  const responses = replies.map((frame) => JSON.parse(String(frame))[4].response)
  expect(responses.slice(0, 6)).toEqual([
    { known: 'ping' },
    { event: 'pong', payload: { n: 1 } },
    { event: '*', payload: {} },
    { event: 'constructor', payload: {} },
    { reason: 'unmatched event' },
    {},
  ])
})

test("'*' in a contract is an event of that name, and no other", async () => {
  const Star = defineContract({ topic: 'room:*', incoming: { '*': { payload: Type.Object({}) } } })
  const endpoint = new TestEndpoint()
  const channel = defineChannel(Star, { join: () => ({ ok: {} }), handleIn: { '*': () => undefined } })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  client.ask(JOIN)
  expect(client.ask('["1","2","room:a","*",{}]')).toEqual([])
  expect(client.ask('["1","3","room:a","other",{}]')[0]).toContain('unmatched event')
})
