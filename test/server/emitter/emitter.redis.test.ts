import { Socket } from 'phoenix'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { recoverable } from '../../../client/typed.ts'
import { Emitter, type EmitterOptions, HistoryUnknownError } from '../../../server/emitter/index.ts'
import { EngineError } from '../../../server/errors.ts'
import { defineChannel, defineContract, defineSocket, KeyReusedError } from '../../../server/index.ts'
import { endAfterTest, SOON } from '../../helpers/official-socket.ts'
import { freePort, ownPrefix, redisUrl, startRedis } from '../../helpers/redis.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { RedisNode } from '../../helpers/redis-node.ts'
import { twoNodes } from '../../helpers/two-nodes.ts'
import { until } from '../../helpers/until.ts'

const Said = Type.Object({ body: Type.String() })
const Log = defineContract({
  topic: 'log:*',
  outgoing: { said: Said, typing: Said },
  history: { events: ['said'], size: 10 },
})
const Plain = defineContract({ topic: 'plain:*', outgoing: { said: Said } })
const join = () => ({ ok: {} })
const UserSocket = defineSocket({ connect: join })
  .channel(defineChannel(Log, { join }))
  .channel(defineChannel(Plain, { join }))
const sockets = { '/socket': UserSocket }

/** An emitter until the end of the test. */
function emitterOf(options: EmitterOptions): Emitter {
  const emitter = new Emitter(options)
  onTestFinished(() => emitter.close())
  return emitter
}

/** An official client of a node until the end of the test. */
function clientOf(base: string): Socket {
  const client = new Socket(`${base.replace('http', 'ws')}/socket`, {
    ...SOON,
    transport: WebSocket,
  } as object)
  endAfterTest(client)
  client.connect()
  return client
}

test('clients of both nodes receive a published message, with and without a history', async () => {
  const { one, two, redis } = await twoNodes({ sockets })
  const heard: string[] = []
  const joined = [one, two].flatMap(({ base }, node) =>
    ['plain:a', 'log:a'].map((topic) => {
      const channel = clientOf(base).channel(topic)
      for (const event of ['said', 'typing'])
        channel.on(event, ({ body }) => void heard.push(`${node} ${topic} ${event} ${body}`))
      return new Promise((resolve) => channel.join().receive('ok', resolve))
    }),
  )
  await Promise.all(joined)
  const emitter = emitterOf({ url: redis.url })
  const sent = [
    emitter.publish('plain:a', 'said', { body: 'hi' }),
    emitter.publish(Log, 'log:a', 'said', { body: 'kept' }),
    emitter.publish('log:a', 'typing', { body: 'passed' }),
  ]
  expect(await Promise.all(sent)).toEqual([true, true, true])
  await until(() => heard.length === 6)
  const expected = ['log:a said kept', 'log:a typing passed', 'plain:a said hi']
  expect(heard.sort()).toEqual([0, 1].flatMap((node) => expected.map((words) => `${node} ${words}`)))
  const page = await two.app.endpoint.history(Log, 'log:a', { last: 10 })
  expect(page?.messages).toMatchObject([{ seq: 1, event: 'said', payload: { body: 'kept' } }])
})

test('a recoverable client gets messages published while it was away, in the order of all publishers', async () => {
  const { one, redis } = await twoNodes({ sockets })
  const client = clientOf(one.base)
  const channel = recoverable(client, 'log:b')
  const heard: string[] = []
  channel.on('said', ({ body }) => void heard.push(body))
  await new Promise((resolve) => channel.join().receive('ok', resolve))
  const emitter = emitterOf({ url: redis.url })
  await emitter.publish('log:b', 'said', { body: '1' })
  await until(() => heard.length === 1)
  await new Promise<void>((done) => client.disconnect(() => done()))
  await emitter.publish('log:b', 'said', { body: '2' }, { key: 'k' })
  await one.app.endpoint.publish('log:b', 'said', { body: '3' })
  expect(await emitter.publish('log:b', 'said', { body: '2' }, { key: 'k' })).toBe(true)
  await expect(emitter.publish('log:b', 'said', { body: 'x' }, { key: 'k' })).rejects.toThrow(KeyReusedError)
  client.connect()
  await until(() => heard.length >= 3)
  await emitter.publish('log:b', 'said', { body: '4' })
  await until(() => heard.includes('4'))
  expect(heard).toEqual(['1', '2', '3', '4'])
})

test('without a node, publish is refused except on topics of `histories`', async () => {
  const options = { url: await redisUrl(), prefix: ownPrefix() }
  const emitter = emitterOf({ ...options, histories: [Log] })
  const refused = emitter.publish('plain:a', 'said', { body: 'hi' })
  await expect(refused).rejects.toThrow(HistoryUnknownError)
  await expect(refused).rejects.toMatchObject({
    code: 'PHX_ERR_HISTORY_UNKNOWN',
    message: expect.stringContaining(`no node with the prefix "${options.prefix}"`),
  })
  expect(await emitter.publish('log:a', 'said', { body: 'early' })).toBe(true)
  // A node without histories says so.
  const node = await RedisNode.start(options)
  const listener = await node.listen('plain:a')
  expect(await emitter.publish('plain:a', 'said', { n: 1 })).toBe(true)
  await listener.has(1)
  await emitter.close()
  await expect(emitter.publish('plain:a', 'said', { n: 2 })).rejects.toThrow('the emitter is closed')
})

test('the nodes write their histories again after Redis has been emptied', async () => {
  const server = await startRedis()
  const options = { url: server.url, prefix: ownPrefix(), lease: 300 }
  await RedisNode.start(options, { histories: [Log] })
  await server.cli('FLUSHALL')
  await expect.poll(() => server.cli('EXISTS', `${options.prefix}:histories`)).toBe('1')
})

test('a durable history continues after a restart of Redis, and a node without histories does not hide it', async () => {
  const server = await startRedis()
  const options = { url: server.url, prefix: ownPrefix() }
  const node = await RedisNode.start({ ...options, durable: true }, { histories: [Log] })
  await RedisNode.start(options)
  await node.endpoint.publish('log:a', 'said', { body: '1' })
  await server.restart()
  expect(await emitterOf(options).publish('log:a', 'said', { body: '2' })).toBe(true)
  await node.is('up')
  const page = await node.endpoint.history(Log, 'log:a', { last: 10 })
  expect(page?.messages.map(({ seq }) => seq)).toEqual([1, 2])
})

test('works with a Redis Cluster', async () => {
  const { urls } = await startRedisCluster()
  const node = await RedisNode.start({ urls }, { histories: [Log] })
  const listener = await node.listen('plain:a')
  const kept = await node.listen('log:a')
  const emitter = emitterOf({ urls })
  expect(await emitter.publish('plain:a', 'said', { n: 1 })).toBe(true)
  expect(await emitter.publish('log:a', 'said', { n: 2 })).toBe(true)
  await Promise.all([listener.has(1), kept.has(2)])
})

test('if Redis cannot be reached or refuses the login, publish rejects in time', async () => {
  const away = emitterOf({ url: `redis://127.0.0.1:${await freePort()}`, connectTimeout: 200 })
  const refused = away.publish('plain:a', 'said', {})
  await expect(refused).rejects.toThrow(EngineError)
  await expect(refused).rejects.toThrow(/Redis was not reached within 200 ms: .*ECONNREFUSED/)
  const server = await startRedis('--requirepass', 'right')
  const stranger = emitterOf({ url: server.url.replace('//', '//:wrong@'), connectTimeout: 1_000 })
  await expect(stranger.publish('plain:a', 'said', {})).rejects.toThrow(/WRONGPASS/)
})

test('wrong use throws at the call', async () => {
  expect(() => new Emitter(Object({ urll: '' }))).toThrow('Emitter has an unknown key "urll"')
  expect(() => new Emitter(Object({ histories: ['log:*'] }))).toThrow(
    'Emitter: `histories[0]` must be a plain object',
  )
  expect(() => new Emitter({ url: 'redis://a', urls: ['redis://b'] })).toThrow('exclude each other')
  const emitter = new Emitter({ connectTimeout: 1 })
  await expect(emitter.publish('a', 'b', [])).rejects.toThrow(/payload/)
  await expect(emitter.publish('a', 'phx_close', {})).rejects.toThrow(
    /the event must be .* other than phx_close/,
  )
  await expect(emitter.publish('', 'b', {})).rejects.toThrow(/the topic must be/)
  await expect(emitter.publish('a', 'b', {}, { key: '' })).rejects.toThrow('emitter.publish(): `options`')
  await emitter.close()
  await expect(emitter.publish('a', 'b', {})).rejects.toThrow('the emitter is closed')
})
