import { fastify } from 'fastify'
import { afterAll, expect, test } from 'vitest'
import { ReplyError, recoverable, typed, presence as typedPresence } from '../../client/typed.ts'
import * as protocol from '../../protocol/index.ts'
import * as admin from '../../server/admin/index.ts'
import * as cluster from '../../server/cluster/index.ts'
import * as dashboard from '../../server/dashboard/index.ts'
import * as emitter from '../../server/emitter/index.ts'
import { EndpointServer } from '../../server/endpoint/endpoint.ts'
import * as health from '../../server/health/index.ts'
import * as server from '../../server/index.ts'
import * as metrics from '../../server/metrics/index.ts'
import * as redis from '../../server/redis/index.ts'
import { Worker } from '../../server/supervisor/worker.ts'
import * as testing from '../../server/testing/index.ts'
import * as tracing from '../../server/tracing/index.ts'
import { nonsense } from '../helpers/nonsense.ts'

type Call = (value: never) => unknown

const Room = protocol.defineContract({ topic: 'room:*', presence: {}, outgoing: { said: {} } })
const socket = server.defineSocket({ connect: () => ({ ok: {} }) })
const presence = server.definePresence(Room)
const pattern = protocol.parseTopicPattern('room:*')
const endpoint = new EndpointServer()
const operator = new admin.Admin(endpoint)
const supervisor = new server.Supervisor({ strategy: 'one_for_one' })
const channel = { join() {}, leave() {}, push() {}, on() {}, off() {} }
const phoenixSocket = { channel: () => channel as never }
const recoverableSocket = { channel: () => ({ ...channel, state: 'closed', isMember: () => true }) as never }
const Presence = { syncState: () => ({}), syncDiff: () => ({}), list: () => [] }
const worker = server.defineWorker({ name: 'w', init() {}, handleCall: { ask: () => ({ reply: 1 }) } })
const aWorker = new Worker(worker, undefined, { onCrash() {}, onUnhandled() {} })
const registry = new server.Registry(supervisor, { worker, context: () => undefined })
const child = supervisor.startChild({ worker })
const owner = endpoint.ownerOf({ exited: new Promise(() => {}) })
const secret = 'a secret of twenty bytes'
const signed = server.Token.sign(secret, 'salt', 1)
const join = () => ({ ok: {} })

afterAll(async () => {
  await supervisor.stop()
  await endpoint.stop()
})

/** Each public function with one argument, or one option, that is nonsense. */
const calls: Record<string, Call> = {
  'index.asyncApi': (value) => server.asyncApi(value),
  'index.asyncApi contracts': (value) => server.asyncApi({ title: 't', version: '1', contracts: [value] }),
  'index.Broadcast topic': (value) => new server.Broadcast(value, 'e', {}),
  'index.Broadcast event': (value) => new server.Broadcast('t', value, {}),
  'index.Broadcast payload': (value) => new server.Broadcast('t', 'e', value),
  'index.Broadcast origin': (value) => new server.Broadcast('t', 'e', {}, value),
  'index.Broadcast.fromJson': (value) => server.Broadcast.fromJson(value, 'e', '{}'),
  'index.defineContract': (value) => server.defineContract(value),
  'index.defineContract topic': (value) => server.defineContract({ topic: value }),
  'index.defineContract params': (value) => server.defineContract({ topic: 't', params: value }),
  'index.defineContract incoming': (value) => server.defineContract({ topic: 't', incoming: value }),
  'index.defineContract event': (value) => server.defineContract({ topic: 't', incoming: { e: value } }),
  'index.defineContract payload': (value) =>
    server.defineContract({ topic: 't', incoming: { e: { payload: value } } }),
  'index.defineContract outgoing': (value) => server.defineContract({ topic: 't', outgoing: { e: value } }),
  'index.defineChannel contract': (value) => server.defineChannel(value, { join } as never),
  'index.defineChannel': (value) => server.defineChannel(Room, value),
  'index.defineChannel join': (value) => server.defineChannel(Room, { join: value }),
  'index.defineChannel handleOut': (value) => server.defineChannel(Room, { join, handleOut: value }),
  'index.defineChannel handleInfo': (value) => server.defineChannel(Room, { join, handleInfo: value }),
  'index.defineChannel auth': (value) => server.defineChannel(Room, { join, auth: value }),
  'index.defineUntypedChannel topic': (value) => server.defineUntypedChannel(value, { join }),
  'index.defineUntypedChannel': (value) => server.defineUntypedChannel('t', value),
  'index.defineSocket': (value) => server.defineSocket(value),
  'index.defineSocket params': (value) => server.defineSocket({ connect: join, params: value }),
  'index.defineSocket connectInfo': (value) => server.defineSocket({ connect: join, connectInfo: value }),
  'index.defineSocket connectInfo key': (value) =>
    server.defineSocket({ connect: join, connectInfo: [value] }),
  'index.defineSocket().id': (value) => socket.id(value),
  'index.defineSocket().channel': (value) => socket.channel(value),
  'index.defineSocket().channel options': (value) =>
    socket.channel(server.defineUntypedChannel('t', { join }), value),
  'index.definePresence contract': (value) => server.definePresence(value),
  'index.definePresence': (value) => server.definePresence(Room, value),
  'index.definePresence().open': (value) => presence.open(value),
  'index.definePresence().track': (value) => presence.track(value, 'k', {}),
  'index.definePresence().track key': (value) => presence.track(owner, 'room:a', value, {}),
  'index.definePresence().track topic': (value) => presence.track(owner, value, 'k', {}),
  'index.definePresence().track owner without a topic': (value) => presence.track(owner as never, value, {}),
  'index.definePresence handleMetas': (value) => server.definePresence(Room, { handleMetas: value }),
  'index.definePresence().untrack': (value) => presence.untrack(value, 'k'),
  'index.definePresence().update': (value) => presence.update(value, 'k', {}),
  'index.definePresence().pushState': (value) => presence.pushState(value),
  'index.definePresence().list': (value) => presence.list(value),
  'index.definePresence().list topic': (value) => presence.list(endpoint, value),
  'index.definePresence().getByKey': (value) => presence.getByKey(value, 'k'),
  'index.definePresence().getByKey key': (value) => presence.getByKey(endpoint, 'room:a', value),
  'index.defineWorker': (value) => server.defineWorker(value),
  'index.defineWorker handleInfo': (value) =>
    server.defineWorker({ name: 'w', init() {}, handleInfo: value }),
  'index.defineWorker handleCall': (value) =>
    server.defineWorker({ name: 'w', init() {}, handleCall: value }),
  'index.Supervisor': (value) => new server.Supervisor(value),
  'index.Supervisor startChild': (value) => supervisor.startChild(value),
  'index.Supervisor startChild worker': (value) => supervisor.startChild({ worker: value }),
  'index.Supervisor startChild dynamic': async (value) =>
    (await supervisor.startChild({ worker, id: 'd', dynamic: value })).stop(),
  'index.Supervisor ensureChild': (value) => supervisor.ensureChild(value),
  'index.Supervisor whereis': (value) => supervisor.whereis(value),
  'index.Supervisor terminateChild': (value) => supervisor.terminateChild(value),
  'index.Supervisor restartChild': (value) => supervisor.restartChild(value),
  'index.Supervisor replaceChild': (value) => supervisor.replaceChild(value),
  'index.Supervisor deleteChild': (value) => supervisor.deleteChild(value),
  'index.Registry': (value) => new server.Registry(value, { worker, context: () => undefined }),
  'index.Registry options': (value) => new server.Registry(supervisor, value),
  'index.Registry worker': (value) => new server.Registry(supervisor, { worker: value, context: () => null }),
  'index.Registry context': (value) => new server.Registry(supervisor, { worker, context: value }),
  'index.Registry ensure': async (value) => (await registry.ensure(value)).stop(),
  'index.Registry whereis': (value) => registry.whereis(value),
  'index.ChildHandle call': async (value) => (await child).call<'ask'>(value),
  'index.ChildHandle call options': async (value) => (await child).call('ask', undefined, value),
  'index.ChildHandle send': async (value) => (await child).send(value),
  'index.Worker send': (value) => aWorker.send(value),
  'index.Worker sendAfter': (value) => aWorker.sendAfter(1, value)(),
  'index.Worker sendAfter delay': (value) => aWorker.sendAfter(value, 'name')(),
  'index.Endpoint': (value) => new EndpointServer(value),
  'index.Endpoint limits': (value) => new EndpointServer({ limits: value }),
  'index.Endpoint engine': (value) => new EndpointServer({ engine: value }),
  'index.Endpoint handlerWarnAfter': (value) => new EndpointServer({ handlerWarnAfter: value }),
  'index.Endpoint checkOutgoing': (value) => new EndpointServer({ checkOutgoing: value }),
  'index.Endpoint presences': (value) => new EndpointServer({ presences: [value] }),
  'index.Endpoint broadcast': (value) => endpoint.broadcast(value, 'e', {}),
  'index.Endpoint broadcast event': (value) => endpoint.broadcast('t', value, {}),
  'index.Endpoint broadcast contract': (value) => endpoint.broadcast(value, 't', 'e' as never, {} as never),
  'index.Endpoint localBroadcast': (value) => endpoint.localBroadcast('t', 'e', value),
  'index.Endpoint broadcastFrom': (value) => endpoint.broadcastFrom(value, 't', 'e', {}),
  'index.Endpoint broadcastFrom topic': (value) => endpoint.broadcastFrom('id', value, 'e', {}),
  'index.Endpoint broadcastFrom contract': (value) =>
    endpoint.broadcastFrom('id', value, 't', 'e' as never, {} as never),
  'index.Endpoint localBroadcastFrom': (value) => endpoint.localBroadcastFrom(value, 't', 'e', {}),
  'index.Endpoint subscribe': (value) => endpoint.subscribe(value, () => {}).unsubscribe(),
  'index.Endpoint subscribe listener': (value) => endpoint.subscribe('t', value).unsubscribe(),
  'index.Endpoint sendInfo': (value) => endpoint.sendInfo(value, 'name'),
  'index.Endpoint sendInfo name': (value) => endpoint.sendInfo('id', value),
  'index.Endpoint ownerOf': (value) => endpoint.ownerOf(value),
  'index.Endpoint publish': (value) => endpoint.publish(value, 'e', {}),
  'index.Endpoint publish options': (value) => endpoint.publish('t', 'e', {}, value),
  'index.Endpoint send': (value) => endpoint.send(value),
  'index.Endpoint history': (value) => endpoint.history(value, 't', { last: 1 }),
  'index.Endpoint history topic': (value) =>
    endpoint.history(server.defineContract({ topic: 'room:*' }), value, { last: 1 }),
  'index.Endpoint history range': (value) =>
    endpoint.history(server.defineContract({ topic: 'room:*' }), 'room:a', value),
  'index.Endpoint disconnect': (value) => endpoint.disconnect(value),
  'index.Endpoint topics': (value) => endpoint.topics(value),
  'index.Endpoint memberCount': (value) => endpoint.memberCount(value),
  'index.Endpoint localTopics': (value) => endpoint.localTopics(value),
  'index.Endpoint localMemberCount': (value) => endpoint.localMemberCount(value),
  'index.LocalEngine': (value) => new server.LocalEngine(value),
  'index.phoenix': async (value) => server.phoenix(fastify() as never, value),
  'index.phoenix sockets': (value) => registered({ sockets: value }),
  'index.phoenix mount': (value) => registered({ sockets: { '/socket': value } }),
  'index.phoenix websocket': (value) => registered({ sockets: { '/socket': { socket, websocket: value } } }),
  'index.phoenix checkOrigin': (value) =>
    registered({ sockets: { '/socket': { socket, checkOrigin: value } } }),
  'index.phoenix mount limits': (value) => registered({ sockets: { '/socket': { socket, limits: value } } }),
  'index.phoenix mount limit': (value) =>
    registered({ sockets: { '/socket': { socket, limits: { maxChannels: value } } } }),
  'index.phoenix mount filterParameters': (value) =>
    registered({ sockets: { '/socket': { socket, filterParameters: value } } }),
  'index.phoenix mount connectInfo': (value) =>
    registered({ sockets: { '/socket': { socket, connectInfo: value } } }),
  'index.shutdown': (value) => server.shutdown(value),
  'index.telemetry subscribe': (value) => {
    server.telemetry.gap.subscribe(value)
    server.telemetry.gap.unsubscribe(value)
  },
  'index.telemetry unsubscribe': (value) => server.telemetry.gap.unsubscribe(value),
  'index.Token.sign': (value) => server.Token.sign(value, 'salt', 1),
  'index.Token.sign salt': (value) => server.Token.sign(secret, value, 1),
  'index.Token.sign data': (value) => server.Token.sign(secret, 'salt', value),
  'index.Token.sign options': (value) => server.Token.sign(secret, 'salt', 1, value),
  'index.Token.verify': (value) => server.Token.verify(value, 'salt', 'token'),
  'index.Token.verify token': (value) => server.Token.verify(secret, 'salt', value),
  'index.Token.verify options': (value) => server.Token.verify(secret, 'salt', 'token', value),
  'index.Token.verify schema': (value) => server.Token.verify(secret, 'salt', signed, { schema: value }),
  'index.Token.encrypt': (value) => server.Token.encrypt(value, 'salt', 1),
  'index.Token.encrypt salt': (value) => server.Token.encrypt(secret, value, 1),
  'index.Token.encrypt data': (value) => server.Token.encrypt(secret, 'salt', value),
  'index.Token.encrypt options': (value) => server.Token.encrypt(secret, 'salt', 1, value),
  'index.Token.encrypt keyLength': (value) => server.Token.encrypt(secret, 'salt', 1, { keyLength: value }),
  'index.Token.decrypt': (value) => server.Token.decrypt(value, 'salt', 'token'),
  'index.Token.decrypt token': (value) => server.Token.decrypt(secret, 'salt', value),
  'index.Token.decrypt options': (value) => server.Token.decrypt(secret, 'salt', 'token', value),
  'index.UsageError': (value) => new server.UsageError('PHX_ERR_OPTION', String(typeof value)),
  'index.CallbackError': (value) => new server.CallbackError('owner', 'callback', value),
  'index.CallError': (value) => new server.CallError('owner', 'call', { reason: 'ended', cause: value }),
  'index.KeyReusedError': (value) => new server.KeyReusedError(value),
  'index.ProtocolError': (value) => new server.ProtocolError('PHX_ERR_FRAME_SHAPE', String(typeof value)),
  'index.LocalAdapter': () => new server.LocalAdapter(),
  'protocol.matchTopic': (value) => protocol.matchTopic(value, 'room:a'),
  'protocol.matchTopic topic': (value) => protocol.matchTopic(pattern, value),
  'protocol.subtopic': (value) => protocol.subtopic(value, 'room:a'),
  'protocol.parseTopicPattern': (value) => protocol.parseTopicPattern(value),
  'protocol.negotiateSerializer': (value) => protocol.negotiateSerializer(value),
  'protocol.negotiateSerializer list': (value) => protocol.negotiateSerializer('2.0.0', value),
  'protocol.v1JsonSerializer.decode': (value) => protocol.v1JsonSerializer.decode(value, 'text'),
  'protocol.v1JsonSerializer.encode': (value) => protocol.v1JsonSerializer.encode(value),
  'protocol.v1JsonSerializer.fastlane': (value) => protocol.v1JsonSerializer.fastlane(value),
  'protocol.v2JsonSerializer.decode': (value) => protocol.v2JsonSerializer.decode(value, 'text'),
  'protocol.v2JsonSerializer.decode bytes': (value) => protocol.v2JsonSerializer.decode(value, 'binary'),
  'protocol.v2JsonSerializer.encode': (value) => protocol.v2JsonSerializer.encode(value),
  'protocol.v2JsonSerializer.fastlane': (value) => protocol.v2JsonSerializer.fastlane(value),
  'protocol.Message': (value) => new protocol.Message('1', '1', 't', 'e', value),
  'protocol.Reply': (value) => new protocol.Reply('1', '1', 't', 'ok', value),
  'protocol.Frame': (value) => new protocol.Frame('text', value),
  'emitter.HistoryUnknownError': (value) => new emitter.HistoryUnknownError(value, 'no node'),
  'emitter.Emitter': (value) => new emitter.Emitter(value),
  'emitter.Emitter histories': (value) => new emitter.Emitter({ histories: value }),
  'redis.RedisEngine': (value) => new redis.RedisEngine(value),
  'redis.RedisEngine client': (value) => new redis.RedisEngine({ client: value }),
  'redis.RedisEngine url': (value) => new redis.RedisEngine({ url: value }),
  'redis.RedisEngine urls': (value) => new redis.RedisEngine({ urls: value }),
  'redis.RedisEngine sentinels': (value) => new redis.RedisEngine({ url: 'redis://x', sentinels: value }),
  'redis.RedisEngine prefix': (value) => new redis.RedisEngine({ prefix: value }),
  'testing.pubsubSuite': (value) => testing.pubsubSuite(value),
  'testing.historySuite': (value) => testing.historySuite(value),
  'testing.exactly': (value) => testing.exactly(value),
  'testing.ExpectationError': () => new testing.ExpectationError('no push came'),
  'testing.Refused': (value) =>
    new testing.Refused('/socket', { refused: 'connect', reason: value } as never),
  'testing.JoinRefused': (value) => new testing.JoinRefused('room:a', 'error', value),
  'testing.testEndpoint': async (value) => (await testing.testEndpoint(value)).close(),
  'testing.testEndpoint sockets': async (value) => (await testing.testEndpoint({ sockets: value })).close(),
  'testing.fakeServer': async (value) => (await testing.fakeServer(value)).close(),
  'testing.startWorker': async (value) => (await testing.startWorker(value, undefined)).stop(),
  'admin.admin': (value) => withApp((app) => admin.admin(app, value)),
  'admin.Admin': (value) => new admin.Admin(value),
  'admin.Admin broadcast': (value) => operator.broadcast(value, 'e', {}),
  'admin.Admin broadcast event': (value) => operator.broadcast('t', value, {}),
  'admin.Admin broadcast payload': (value) => operator.broadcast('t', 'e', value),
  'admin.Admin broadcast key': (value) => operator.broadcast('t', 'e', {}, value),
  'admin.Admin disconnect': (value) => operator.disconnect(value),
  'admin.Admin closeChannel': (value) => operator.closeChannel(value),
  'admin.Admin closeChannel socket id': (value) => operator.closeChannel('t', value),
  'admin.Admin details': (value) => operator.details(value),
  'admin.Admin history': (value) => operator.history(value, { last: 1 }),
  'admin.Admin history range': (value) => operator.history('t', value),
  'admin.Admin restartWorker': (value) => operator.restartWorker(value, 'id'),
  'admin.Admin restartWorker id': (value) => operator.restartWorker(endpoint.nodeId, value),
  'admin.Admin topics.busiest': (value) => operator.topics.busiest(value),
  'admin.Admin topics.busiest limit': (value) => operator.topics.busiest({ limit: value }),
  'admin.Admin topics.page': (value) => operator.topics.page(value),
  'admin.Admin topics.page after': (value) => operator.topics.page({ after: value }),
  'admin.bearerToken': () => admin.bearerToken({ headers: {} }),
  'admin.tokenMatcher': (value) => admin.tokenMatcher(value),
  'cluster.cluster': (value) => cluster.cluster(value),
  'dashboard.dashboard': (value) => withApp((app) => dashboard.dashboard(app, value)),
  'health.health': (value) => withApp((app) => health.health(app, value)),
  'metrics.metricsRoute': (value) => withApp((app) => metrics.metricsRoute(app, value)),
  'metrics.metrics': (value) => metrics.metrics(value),
  'metrics.metrics options': (value) => metrics.metrics(endpoint, value).stop(),
  'metrics.mergeMetrics': () => metrics.mergeMetrics()(),
  'metrics.shareMetrics': (value) => metrics.shareMetrics(value),
  'tracing.tracing': (value) => tracing.tracing(value),
  'tracing.tracing options': (value) => tracing.tracing(endpoint, value)(),
  'client.typed': (value) => typed(value, channel as never),
  'client.typed channel': (value) => typed(Room, value),
  'client.typed socket': (value) => typed(Room, value, 'room:a'),
  'client.typed topic': (value) => typed(Room, phoenixSocket, value),
  'client.typed params': (value) => typed(Room, phoenixSocket, 'room:a', value),
  'client.recoverable': (value) => recoverable(value, 'room:a'),
  'client.recoverable topic': (value) => recoverable(recoverableSocket, value),
  'client.recoverable params': (value) => recoverable(recoverableSocket, 'room:a', value),
  'client.recoverable options': (value) => recoverable(recoverableSocket, 'room:a', {}, value),
  'client.presence': (value) => typedPresence(value, Presence),
  'client.presence class': (value) => typedPresence(typed(Room, channel as never), value),
  'client.ReplyError': (value) => new ReplyError('e', 'error', value),
}

async function withApp(call: (app: ReturnType<typeof fastify>) => Promise<void>): Promise<void> {
  const app = fastify()
  try {
    await call(app)
  } finally {
    await app.close()
  }
}

async function registered(options: object): Promise<void> {
  const app = fastify()
  try {
    await app.register(server.phoenix, options as server.PhoenixOptions)
  } finally {
    await app.close()
  }
}

/** Calls for each message: nothing there guards against values that throw when they are looked at. */
const HOT = /client\.recoverable params|Broadcast origin|encode|decode|fastlane|matchTopic|subtopic/
const UNREADABLE = new Set([
  'an object that throws when it is read',
  'a getter that throws',
  'a revoked proxy',
])

/** The kinds of nonsense that each call has taken. */
const accepted: Record<string, string[]> = {}

const doors = {
  admin,
  cluster,
  dashboard,
  health,
  index: server,
  protocol,
  emitter,
  redis,
  testing,
  metrics,
  tracing,
  client: { presence: typedPresence, typed, ReplyError },
}

test('the calls below cover every public function of every subpath', () => {
  // The package's main door repeats some names of the protocol's.
  const called = Object.keys(calls).map((name) => name.replace(/^\w+\./, ''))
  const missing = Object.entries(doors).flatMap(([door, names]) =>
    Object.entries(names)
      .filter(([name, value]) => typeof value === 'function' && name !== 'default')
      .filter(([name]) => !called.some((call) => new RegExp(`^${name}\\b`).test(call)))
      .map(([name]) => `${door}.${name}`),
  )
  expect(missing).toEqual([])
})

test('there are fifty kinds of invalid values', () => {
  expect(nonsense().length).toBeGreaterThanOrEqual(50)
})

test.each(Object.entries(calls))(
  '%s refuses invalid values with an error that has a code and a message, or accepts them',
  async (name, call) => {
    const failures: string[] = []
    const taken: string[] = []
    for (const [kind, value] of nonsense()) {
      if (HOT.test(name) && UNREADABLE.has(kind)) continue
      try {
        await call(value as never)
        taken.push(kind)
      } catch (error) {
        const problem = problemOf(error)
        if (problem !== null) failures.push(`${kind}: ${problem}`)
      }
    }
    expect(failures.join('\n')).toBe('')
    accepted[name] = taken
  },
)

// Values that are data of the application, or of no consequence, say nothing.
const FREE =
  /Error$|Refused$|bearerToken|shutdown|Message$|Reply$|Frame$|LocalAdapter|mergeMetrics|unsubscribe|origin$/

test('the accepted values are known: a change of this list changes what is legal', async () => {
  const lines = Object.entries(accepted)
    .filter(([name]) => !FREE.test(name))
    .map(([name, kinds]) => `${name}: ${kinds.join(', ')}`)
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('nonsense-taken.txt')
})

function problemOf(error: unknown): string | null {
  if (!(error instanceof Error)) return `threw ${typeof error}`
  const code = 'code' in error ? String(error.code) : 'no code'
  const isPlain =
    error.message.length > 10 &&
    !/\[object|is not a function|Cannot (read|convert)|undefined \(/.test(error.message)
  return /^PHX_ERR_[A-Z_]+$/.test(code) && isPlain
    ? null
    : `${error.name} ${code}: ${error.message.slice(0, 120)}`
}
