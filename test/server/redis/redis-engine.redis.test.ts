import { describe, expect, test, vi } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { RedisEngine } from '../../../server/redis/redis-engine.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { type Client, TestEndpoint } from '../../helpers/build-endpoint.ts'
import { startClock } from '../../helpers/clock.ts'
import { ownPrefix, redisUrl, startRedis } from '../../helpers/redis.ts'
import { RedisNode } from '../../helpers/redis-node.ts'
import { listenTo } from '../../helpers/telemetry.ts'
import { until } from '../../helpers/until.ts'

const AWAY = 'warn: redis connection lost: this node reaches only its own clients until it is restored'
const BACK = 'info: redis connection restored: this node reaches the other nodes again'

const Room = defineUntypedChannel('room:*', {
  join: () => ({ ok: {} }),
  handleIn: {
    say: (payload, socket) => socket.broadcast('said', payload),
    whisper: (payload, socket) => socket.broadcastFrom('said', payload),
  },
})
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)

const join = (topic = 'room:a') => JSON.stringify(['1', '1', topic, 'phx_join', {}])
const joined = (topic = 'room:a') =>
  JSON.stringify(['1', '1', topic, 'phx_reply', { response: {}, status: 'ok' }])
const say = (n: number, event = 'say') => JSON.stringify(['1', '2', 'room:a', event, { n }])
const said = (n: number) => JSON.stringify([null, null, 'room:a', 'said', { n }])

/** A client of a node, in the room when the promise resolves. */
async function joinOn(node: RedisNode): Promise<Client> {
  const client = await node.endpoint.connect(UserSocket)
  client.send(join())
  await heard(client, joined())
  return client
}

/** Wait until the client has been sent exactly these frames since it last looked. */
async function heard(client: Client, ...frames: string[]): Promise<void> {
  const taken: unknown[] = []
  await until(() => taken.push(...client.take()) >= frames.length)
  expect(taken).toEqual(frames)
}

describe('two nodes', () => {
  test('deliver broadcasts to clients of both, once and in order', async () => {
    const options = { url: await redisUrl(), prefix: ownPrefix() }
    const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
    const [ann, bob] = [await joinOn(a), await joinOn(b)]
    for (const n of [1, 2, 3]) ann.send(say(n))
    await heard(bob, said(1), said(2), said(3))
    await heard(ann, said(1), said(2), said(3))
    bob.send(say(4, 'whisper'), say(5))
    await heard(ann, said(4), said(5))
    await heard(bob, said(5))
    expect([...a.lines, ...b.lines]).toEqual([])
  })

  test('a payload is encoded once by its publisher, and parsed by no node', async () => {
    const options = { url: await redisUrl(), prefix: ownPrefix() }
    const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
    const bob = await joinOn(b)
    const broadcast = new Broadcast('room:a', 'said', { n: 1 })
    const [stringify, parse] = [vi.spyOn(JSON, 'stringify'), vi.spyOn(JSON, 'parse')]
    await a.endpoint.send(broadcast)
    await until(() => stringify.mock.calls.length > 0)
    const [written, read] = [stringify.mock.calls.flat(), parse.mock.calls.flat()]
    vi.restoreAllMocks()
    await heard(bob, said(1))
    expect([written.filter((value) => typeof value === 'object' && value !== null), read]).toEqual([[], []])
  })

  test('state and lag are published to telemetry', async () => {
    const engine = new RedisEngine({ url: await redisUrl(), prefix: ownPrefix() })
    const endpoint = new TestEndpoint({ engine })
    const told = listenTo(telemetry.engineUp)
    expect(engine.lag).toBeNull()
    await endpoint.start()
    await until(() => engine.state === 'up')
    expect(told).toEqual([{ endpoint, engine }])
    await endpoint.broadcast('room:a', 'said', {})
    expect(engine.lag).toBeGreaterThan(0)
  })
})

describe('when Redis is dead', () => {
  test('a join is answered at once from local state, and the topic is subscribed to when Redis is back', async () => {
    const server = await startRedis()
    const options = { url: server.url, prefix: ownPrefix() }
    const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
    await server.kill()
    for (const node of [a, b]) await node.is('down')
    const bob = await b.endpoint.connect(UserSocket)
    const asked = startClock()
    bob.send(join())
    await heard(bob, joined())
    expect(asked()).toBeLessThan(1_000)
    bob.send(say(1))
    await heard(bob, said(1))
    await server.start()
    for (const node of [a, b]) await node.is('up')
    expect(await a.say('room:a', 2)).toBe(true)
    await heard(bob, said(2))
  })

  test('publishers are not blocked, learn that no other node was reached, and the log has two lines', async () => {
    const server = await startRedis()
    const options = { url: server.url, prefix: ownPrefix() }
    const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
    const [local, remote] = [await a.listen('room:a'), await b.listen('room:a')]
    await server.kill()
    const begun = startClock()
    const sent: (boolean | undefined)[] = []
    for (let n = 0; n < 1_000; n++) sent.push(await a.say('room:a', n))
    expect(begun()).toBeLessThan(2_000)
    expect([new Set(sent), local.heard.length]).toEqual([new Set([false]), 1_000])
    await server.start()
    for (const node of [a, b]) await node.is('up')
    expect(await a.say('room:a', 1_000)).toBe(true)
    await remote.has(1_000)
    expect([remote.heard, a.lines]).toEqual([[1_000], [AWAY, BACK]])
  })
})

describe('when Redis is stopped (SIGSTOP)', () => {
  test('a join is answered after subscribeTimeout, and later joins at once', async () => {
    const server = await startRedis()
    const options = { url: server.url, prefix: ownPrefix(), subscribeTimeout: 1_000, commandTimeout: 1_000 }
    const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
    server.pause()
    const bob = await b.endpoint.connect(UserSocket)
    const [asked, waited] = [performance.now(), startClock()]
    bob.send(join())
    await heard(bob, joined())
    expect(performance.now() - asked).toBeGreaterThan(990)
    expect(waited()).toBeLessThan(3_000)
    const next = startClock()
    bob.send(join('room:b'))
    await heard(bob, joined('room:b'))
    expect(next()).toBeLessThan(500)
    server.resume()
    for (const node of [a, b]) await node.is('up')
    expect(await a.say('room:a', 1)).toBe(true)
    await heard(bob, said(1))
  })

  test('publishers are not blocked, and unsent bytes are bounded', async () => {
    const server = await startRedis()
    const node = await RedisNode.start({ url: server.url, prefix: ownPrefix(), maxUnsentBytes: 100_000 })
    const local = await node.listen('room:a')
    server.pause()
    const sent = Array.from({ length: 100 }, async (_, n) =>
      node.endpoint.send(new Broadcast('room:a', 'said', { n, long: 'x'.repeat(2_000) })),
    )
    expect(local.heard.length).toBe(100)
    // Nothing of the last half is kept.
    expect(new Set(await Promise.all(sent.slice(50)))).toEqual(new Set([false]))
    expect(node.lines).toEqual([
      'warn: redis too slow for the rate of broadcasts: some broadcasts are not sent to other nodes',
    ])
    server.resume()
    expect(new Set(await Promise.all(sent.slice(0, 40)))).toEqual(new Set([true]))
    expect(await node.say('room:a', 100)).toBe(true)
  })
})

test('two databases of one server are two systems, unless they have the same prefix', async () => {
  const { url } = await startRedis()
  const [a, b] = [await RedisNode.start({ url }), await RedisNode.start({ url: `${url}/1` })]
  const listener = await b.listen('room:a')
  const own = await RedisNode.start({ url: `${url}/1` })
  expect(await a.say('room:a', 1)).toBe(true)
  expect(await own.say('room:a', 2)).toBe(true)
  await listener.has(2)
  expect(listener.heard).toEqual([2])
  const common = { url: `${url}/1`, prefix: 'phx' }
  await (await RedisNode.start(common)).say('room:a', 3)
  await own.say('room:a', 4)
  await listener.has(4)
  expect(listener.heard).toEqual([2, 4])
})

test('a refused command is a fault, and is logged', async () => {
  const server = await startRedis()
  const prefix = ownPrefix()
  const node = await RedisNode.start({ url: server.url, prefix })
  await server.cli('ACL', 'SETUSER', 'default', '-publish')
  expect(await node.say('room:a', 1)).toBe(false)
  expect([node.lines, node.engine.fault]).toEqual([['warn: redis refused a command'], 'NOPERM'])
  expect(String(node.errors)).toMatch(/NOPERM/)
})

test('stop leaves no connection, no key of the node, and delivers nothing', async () => {
  const server = await startRedis()
  const options = { url: server.url, prefix: ownPrefix() }
  const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
  const listener = await b.listen('room:a')
  const [sent] = [a.say('room:a', 1), b.endpoint.stop()]
  expect(await sent).toBe(true)
  await b.endpoint.stop()
  const before = listener.heard.length
  await a.say('room:a', 2)
  expect(listener.heard.length).toBe(before)
  await a.endpoint.stop()
  expect(await server.cli('KEYS', '*lease*')).toBe('')
  expect((await server.cli('CLIENT', 'LIST')).split('\n')).toHaveLength(1)
})
