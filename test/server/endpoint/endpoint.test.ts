import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { Broadcast, defineContract } from '../../../protocol/index.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import { EndpointServer } from '../../../server/endpoint/endpoint.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'
import { CallbackError, UsageError } from '../../../server/errors.ts'
import { drainerDefaults } from '../../../server/limits/drainer.ts'
import type { OpenHistory } from '../../../server/pubsub/history.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { LocalHistory } from '../../../server/pubsub/local-history.ts'
import { connect as connectSocket } from '../../../server/socket/connect.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { Socket } from '../../../server/socket/socket.ts'
import { MemoryTransport } from '../../../server/testing/memory-transport.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { KeptRoom } from '../../helpers/kept-room.ts'
import { MemoryEngine, MemoryNodes } from '../../helpers/memory-nodes.ts'
import { connect, JOIN } from '../../helpers/one-channel.ts'
import { until } from '../../helpers/until.ts'

type Node = { nodes: MemoryNodes; endpoint: TestEndpoint }
const AnyTopic = defineSocket({ connect: () => ({ ok: {} }) }).channel(
  defineUntypedChannel('*', { join: () => ({ ok: {} }) }),
)

const Room = defineContract({ topic: 'room:*', outgoing: { said: Type.Object({ n: Type.Integer() }) } })
const RoomChannel = defineChannel(Room, { join: () => ({ ok: {} }) })
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(RoomChannel)

test('broadcasts with topic, event and payload, with or without the contract', async () => {
  const endpoint = new TestEndpoint()
  const client = await endpoint.connect(UserSocket)
  client.ask(JOIN)
  void endpoint.broadcast('room:a', 'said', { n: 1 })
  void endpoint.broadcast(Room, 'room:a', 'said', { n: 2 })
  void endpoint.broadcast(Room, 'room:b', 'said', { n: 3 })
  expect(client.take()).toEqual([
    '[null,null,"room:a","said",{"n":1}]',
    '[null,null,"room:a","said",{"n":2}]',
  ])
})

test.each<[string, unknown[]]>([
  ['no arguments', []],
  ['no event', ['room:a']],
  ['an event that is not text', ['room:a', 7, {}]],
  ['a contract and no event', [Room, 'room:a']],
])('refuses to broadcast with %s', (_what, args) => {
  const broadcast = () => Reflect.apply(new EndpointServer().broadcast, new EndpointServer(), args)
  expect(broadcast).toThrow(UsageError)
  expect(broadcast).toThrow('the topic and the event of a broadcast must be strings')
})

test.each([
  (endpoint: EndpointServer, topic: never) => endpoint.broadcast(Room, topic, 'said', { n: 1 }),
  (endpoint: EndpointServer, topic: never) => endpoint.localBroadcast(Room, topic, 'said', { n: 1 }),
  (endpoint: EndpointServer, topic: never) => endpoint.broadcastFrom('id', Room, topic, 'said', { n: 1 }),
])('refuses a topic that does not match the contract: %#', (broadcast) => {
  expect(() => broadcast(new EndpointServer(), 'rooms:a' as never)).toThrow(
    `the topic of a broadcast must be a string that matches the contract's topic "room:*" (got "rooms:a")`,
  )
})

test('broadcasts only to clients of this node, with or without the contract', async () => {
  const published: Broadcast[] = []
  const adapter = Object.assign(new LocalAdapter(), { publish: (it: Broadcast) => void published.push(it) })
  const endpoint = new TestEndpoint({ engine: new LocalEngine(adapter) })
  const client = await endpoint.connect(UserSocket)
  client.ask(JOIN)
  endpoint.localBroadcast('room:a', 'said', { n: 1 })
  endpoint.localBroadcast(Room, 'room:a', 'said', { n: 2 })
  expect(client.take()).toEqual([
    '[null,null,"room:a","said",{"n":1}]',
    '[null,null,"room:a","said",{"n":2}]',
  ])
  expect(published).toEqual([])
})

test.each([[[1]], ['text'], [null], [undefined], [{ n: 1n }]])(
  'refuses a payload that is not a JSON object: %# (FRAME-6)',
  (payload) => {
    expect(() => new EndpointServer().broadcast('room:a', 'said', payload as object)).toThrow(
      expect.objectContaining({ code: 'PHX_ERR_PAYLOAD_TYPE' }),
    )
  },
)

test('reports whether other nodes were sent a broadcast; a failure is logged, not thrown', async () => {
  const logged: object[] = []
  const adapter = Object.assign(new LocalAdapter(), { publish: () => Promise.reject(new Error('gone')) })
  const keep = (details: object) => void logged.push(details)
  const endpoint = new EndpointServer({
    engine: new LocalEngine(adapter),
    logger: { error: keep, warn: keep, info: keep },
  })
  await endpoint.broadcast('room:a', 'said', {})
  expect(logged).toMatchObject([{ err: { message: 'gone' } }])
})

test('lists the topics that have members, sorted, and counts the members', async () => {
  const endpoint = new TestEndpoint()
  const room = defineUntypedChannel('*', {
    join: (_params, socket) => {
      socket.subscribe('news')
      return { ok: {} }
    },
    handleInfo: { broadcast() {} },
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) })
    .id(() => 'user:1')
    .channel(room)
  for (const topics of [
    ['room:b', 'room:a'],
    ['room:b', 'game:a'],
  ]) {
    const client = await endpoint.connect(socket)
    for (const topic of topics) client.send(`["1","1","${topic}","phx_join",{}]`)
  }
  expect(endpoint.localTopics()).toEqual(['game:a', 'room:a', 'room:b'])
  expect(endpoint.localTopics('room:')).toEqual(['room:a', 'room:b'])
  const counts = ['room:b', 'room:a', 'news', 'user:1', 'nowhere'].map((topic) =>
    endpoint.localMemberCount(topic),
  )
  expect(counts).toEqual([2, 1, 0, 0, 0])
})

test('counts topics and members on all nodes, except nodes that do not answer', async () => {
  const cluster = new Map<string, MemoryNodes>()
  const [one, two, silent] = ['one', 'two', 'silent'].map((id) => {
    const nodes = new MemoryNodes(id, cluster)
    return { nodes, endpoint: new TestEndpoint({ engine: new MemoryEngine(nodes) }) }
  }) as [Node, Node, Node]
  for (const [{ endpoint }, topic] of [
    [one, 'room:b'],
    [one, 'room:a'],
    [two, 'room:a'],
    [two, 'room:c'],
    [two, 'game:a'],
    [silent, 'room:d'],
  ] as const) {
    const client = await endpoint.connect(AnyTopic)
    client.ask(`["1","1","${topic}","phx_join",{}]`)
  }
  silent.nodes.isSilent = true
  const asked = [one, two].map(({ endpoint }) => {
    const counts = ['room:a', 'game:a', 'room:z'].map((topic) => endpoint.memberCount(topic))
    return Promise.all([endpoint.topics('room:'), ...counts])
  })
  const answer = [['room:a', 'room:b', 'room:c'], 2, 1, 0]
  expect(await Promise.all(asked)).toEqual([answer, answer])
})

test('two endpoints in one process are independent', async () => {
  const [one, two] = [new TestEndpoint(), new TestEndpoint()]
  const [here, there] = [await one.connect(UserSocket), await two.connect(UserSocket)]
  for (const client of [here, there]) client.ask(JOIN)
  void one.broadcast('room:a', 'said', { n: 1 })
  expect([here.take().length, there.take().length]).toEqual([1, 0])
  await one.stop()
  expect([here.transport.closeCode, there.transport.closeCode]).toEqual([1012, null])
  expect([one.localTopics(), two.localTopics()]).toEqual([[], ['room:a']])
  expect(one.newId()).not.toBe(two.newId())
})

test('stop closes connections with 1012, waits for terminate, and then leaves the other nodes (CLOSE-2)', async () => {
  const cleanup = new Deferred()
  const order: unknown[] = []
  const adapter = Object.assign(new LocalAdapter(), { stop: () => void order.push('left') })
  const room = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    async terminate(reason) {
      order.push(reason)
      await cleanup.promise
      order.push('cleaned')
    },
  })
  const endpoint = new TestEndpoint({ engine: new LocalEngine(adapter) })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(room))
  client.ask(JOIN)
  const stopped = endpoint.stop()
  expect([client.take(), client.transport.closeCode, endpoint.isDraining]).toEqual([[], 1012, true])
  await turn()
  expect(order).toEqual([shutdown('draining')])
  cleanup.resolve()
  await stopped
  expect(order).toEqual([shutdown('draining'), 'cleaned', 'left'])
})

test('stop disconnects the adapter and the engine even if the history cannot be stopped', async () => {
  const order: string[] = []
  const adapter = Object.assign(new LocalAdapter(), { stop: () => void order.push('adapter') })
  class StuckEngine extends LocalEngine {
    override readonly openHistory: OpenHistory = (host) =>
      Object.assign(new LocalHistory(host), { stop: () => Promise.reject(new Error('stuck')) })

    override stop(): void {
      order.push('engine')
    }
  }
  const endpoint = new EndpointServer({ engine: new StuckEngine(adapter), histories: [KeptRoom] })
  await expect(endpoint.stop()).rejects.toThrow('stuck')
  expect(order).toEqual(['adapter', 'engine'])
})

test('stop waits for a terminate even if its connection has closed before (DRAIN-4)', async () => {
  const endpoint = new TestEndpoint()
  const cleanup = new Deferred()
  void endpoint.settle(cleanup.promise)
  const state = { isOver: false }
  const drained = endpoint.drain().then(() => {
    state.isOver = true
  })
  await turn()
  expect(state.isOver).toBe(false)
  cleanup.resolve()
  await drained
})

test('stop reports callbacks that it did not wait for', async () => {
  const warnings: object[] = []
  const logger = { error() {}, info() {}, warn: (details: object) => void warnings.push(details) }
  const endpoint = new EndpointServer({ logger })
  const handshake = await connectSocket(UserSocket, { params: { vsn: '2.0.0' }, info: {} }, endpoint)
  if ('refused' in handshake) throw new Error('refused')
  const drainer = { ...drainerDefaults, shutdown: 10 }
  new Socket(endpoint, { ...handshake, drainer }, new MemoryTransport())
  void endpoint.settle(new Deferred().promise)
  await endpoint.drain()
  expect(warnings).toEqual([{ pending: 1 }])
})

test('starts the adapter, and delivers broadcasts of other nodes', async () => {
  let deliver: (broadcast: Broadcast) => void = () => {}
  const adapter = Object.assign(new LocalAdapter(), {
    start(given: typeof deliver) {
      deliver = given
    },
  })
  const endpoint = new TestEndpoint({ engine: new LocalEngine(adapter) })
  await endpoint.start()
  const client = await endpoint.connect(UserSocket)
  client.ask(JOIN)
  deliver(Broadcast.fromJson('room:a', 'said', '{"n":1}'))
  expect(client.take()).toEqual(['[null,null,"room:a","said",{"n":1}]'])
})

test('reports an error of a callback to the log and to listeners', () => {
  const told: unknown[] = []
  const listen = (event: unknown) => void told.push(event)
  subscribe('phoenix.callback_failed', listen)
  onTestFinished(() => void unsubscribe('phoenix.callback_failed', listen))
  const logged: unknown[] = []
  const keep = (details: object, message: string) => void logged.push(message, details)
  const cause = new Error('boom')
  const error = new CallbackError('room:*', 'handleIn.say', cause)
  const endpoint = new EndpointServer({ logger: { error: keep, warn: keep, info: keep } })
  endpoint.report(error)
  expect(told).toEqual([{ endpoint, error }])
  expect(logged).toEqual([
    'room:*: handleIn.say failed: boom',
    { err: cause, code: 'PHX_ERR_CALLBACK', owner: 'room:*', callback: 'handleIn.say' },
  ])
})

test('a channel that throws does not affect other channels of the same connection', async () => {
  const { client } = await connect({
    handleIn: {
      say(_payload, { subtopic }) {
        if (subtopic === 'a') throw new Error('boom')
        return { ok: {} }
      },
    },
  })
  client.ask(JOIN, '["2","2","room:b","phx_join",{}]')
  expect(client.ask('["1","3","room:a","say",{}]', '["2","4","room:b","say",{}]')).toEqual([
    '["1","1","room:a","phx_error",{"reason":"channel_crash"}]',
    '["2","4","room:b","phx_reply",{"response":{},"status":"ok"}]',
  ])
})

test('topics returns at most 10,000 topics, and no node answers with more', async () => {
  const nodes = new Map<string, MemoryNodes>()
  const [one, two] = ['one', 'two'].map((id) => {
    const limits = { maxChannels: 20_000, joinRate: 20_000, joinBurst: 20_000 }
    return new TestEndpoint({ engine: new MemoryEngine(new MemoryNodes(id, nodes)), limits })
  }) as [TestEndpoint, TestEndpoint]
  const client = await two.connect(AnyTopic)
  for (let n = 10_000; n <= 20_000; n += 1) client.send(`["1","1","many:${n}","phx_join",{}]`)
  await until(() => two.localTopics().length === 10_001)
  const answers = await one.engine.nodes.askAll('topics', 'many:')
  expect(answers.flat()).toHaveLength(10_000)
  const topics = await one.topics('many:')
  expect([topics.length, topics[0], topics.at(-1)]).toEqual([10_000, 'many:10000', 'many:19999'])
})
