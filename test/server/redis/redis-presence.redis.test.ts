import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseTopicPattern } from '../../../protocol/index.ts'
import { EngineError } from '../../../server/errors.ts'
import { type RedisEngineOptions, resolveOptions } from '../../../server/redis/options.ts'
import { RedisPresence } from '../../../server/redis/redis-presence.ts'
import { startClock } from '../../helpers/clock.ts'
import { PresenceNode } from '../../helpers/presence-node.ts'
import { ownPrefix, type RedisServer, startRedis } from '../../helpers/redis.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { TestConnection } from '../../helpers/redis-connection.ts'
import { until } from '../../helpers/until.ts'
import { Wire } from '../../helpers/wire.ts'

const LEASE = 600
/** A lease of which no check begins during a test. */
const LONG = 3_600_000
const SOON = { timeout: 50_000 }

class Cluster {
  readonly redis: RedisServer
  readonly options: RedisEngineOptions

  private constructor(redis: RedisServer) {
    this.redis = redis
    this.options = { url: redis.url, prefix: ownPrefix(), lease: LEASE }
  }

  static async start(): Promise<Cluster> {
    return new Cluster(await startRedis())
  }

  node(windowMs = 0): Promise<PresenceNode> {
    return PresenceNode.start(this.options, windowMs)
  }

  /** A node that can be cut off from Redis. */
  async wiredNode(): Promise<{ node: PresenceNode; wire: Wire }> {
    const wire = await Wire.to(this.redis.port)
    const node = await PresenceNode.start({ ...this.options, url: `redis://127.0.0.1:${wire.port}` })
    return { node, wire }
  }

  /** How many entries Redis has of the room. */
  async entries(): Promise<number> {
    const hash = `${this.options.prefix}:{topic:room:a}:presence:room%3A*`
    return (await this.redis.cli('HKEYS', hash)).split('\n').filter((field) => field.includes('/')).length
  }
}

describe('members on several nodes', () => {
  it('do not see a presence that joined and left within its window on another node (PRESENCE-4)', async () => {
    const cluster = await Cluster.start()
    const [a, b] = [await cluster.node(), await cluster.node(1_500)]
    const ann = await b.join('ann')
    ann.news()
    const channel = a.channel()
    a.presence.track(channel, 'bob', { name: 'Bob' })
    await expect.poll(() => cluster.entries(), SOON).toBe(2)
    a.presence.untrack(channel, 'bob')
    a.presence.track(channel, 'cid', { name: 'Cid' })
    await until(() => 'cid' in ann.view, SOON)
    expect(ann.news()).toEqual(['+cid'])
    expect(Object.keys(ann.view)).toEqual(['ann', 'cid'])
  })

  it('do not see a presence that left while their node had no channel on the topic (PRESENCE-10)', async () => {
    const cluster = await Cluster.start()
    const [a, b] = [await cluster.node(), await cluster.node(1_500)]
    const ann = await b.join('ann')
    const channel = a.channel()
    a.presence.track(channel, 'bob', { name: 'Bob' })
    await until(() => 'bob' in b.view(), SOON)
    // Within the window of the join.
    ann.leave()
    await until(() => !('bob' in b.view()), SOON)
    a.presence.untrack(channel, 'bob')
    await expect.poll(() => cluster.entries(), SOON).toBe(0)
    const cid = await b.join('cid')
    expect(Object.keys(cid.view)).toEqual(['cid'])
    expect(cid.news()).not.toContain('+bob')
  })

  it('see joins, updates and leaves in the same frames as on one node', async () => {
    const cluster = await Cluster.start()
    const [a, b] = [await cluster.node(), await cluster.node()]
    const ann = await a.join('ann')
    const bob = await b.join('bob')
    // A join does not wait until it is written.
    await until(() => 'bob' in ann.view && 'ann' in bob.view)
    expect(ann.news()).toEqual(['+ann', '+bob'])
    expect(ann.view).toEqual(bob.view)
    bob.rename('Bobby')
    await until(() => ann.view['bob']?.[0]?.includes('Bobby') === true)
    expect(ann.news()).toEqual(['+bob', '-bob'])
    expect(ann.view).toEqual(bob.view)
    bob.leave()
    await until(() => !('bob' in ann.view))
    expect(ann.news()).toEqual(['-bob'])
    expect([await a.list(), await b.list()]).toEqual([ann.view, ann.view])
  })

  it('leave at once when their node stops, and leave nothing in Redis', async () => {
    const cluster = await Cluster.start()
    const { options, redis } = cluster
    const [a, b] = [
      await PresenceNode.start({ ...options, lease: 60_000 }),
      await PresenceNode.start({ ...options, lease: 60_000 }),
    ]
    const ann = await a.join('ann')
    for (const key of ['bob', 'cid', 'dan']) await b.join(key)
    await until(() => Object.keys(ann.view).length === 4)
    const begin = startClock()
    await b.endpoint.stop()
    await until(() => Object.keys(ann.view).length === 1)
    expect(begin()).toBeLessThan(2_000)
    await a.endpoint.stop()
    const left = (await redis.cli('KEYS', `${options.prefix}*`)).split('\n')
    // The settings of the histories expire after ten leases: an emitter reads them.
    expect(left.sort()).toEqual([`${options.prefix}:epoch`, `${options.prefix}:histories`])
  })

  it('leave once when their node is dead and its lease has expired', async () => {
    const cluster = await Cluster.start()
    const { node: a, wire } = await cluster.wiredNode()
    const [b, c] = [await cluster.node(), await cluster.node()]
    await a.join('ann')
    const [bob, cid] = [await b.join('bob'), await c.join('cid')]
    await until(() => Object.keys(bob.view).length === 3 && Object.keys(cid.view).length === 3)
    bob.news()
    cid.news()
    wire.cut()
    await until(() => !('ann' in bob.view) && !('ann' in cid.view), SOON)
    // Both nodes take them out of Redis.
    while ((await cluster.entries()) !== 2) await b.list()
    expect([bob.news(), cid.news()]).toEqual([['-ann'], ['-ann']])
    expect([await b.list(), await c.list()]).toEqual([cid.view, bob.view])
  })

  it('join again once with their node, which never loses its own members', async () => {
    const cluster = await Cluster.start()
    const { node: a, wire } = await cluster.wiredNode()
    const b = await cluster.node()
    const [ann, bob] = [await a.join('ann'), await b.join('bob')]
    await until(() => 'bob' in ann.view && 'ann' in bob.view)
    ann.news()
    bob.news()
    wire.cut()
    await until(() => !('ann' in bob.view), SOON)
    wire.mend()
    await until(() => 'ann' in bob.view, SOON)
    expect([ann.news(), bob.news()]).toEqual([[], ['-ann', '+ann']])
    expect(ann.view).toEqual(bob.view)
  })

  it('see each other in a Redis Cluster with topics on several servers', async () => {
    const { urls } = await startRedisCluster()
    const options = { urls, prefix: ownPrefix(), lease: LEASE }
    const [a, b] = [await PresenceNode.start(options), await PresenceNode.start(options)]
    for (const topic of ['room:a', 'room:b', 'room:c', 'room:{a}']) {
      const [ann, bob] = [await a.join('ann', topic), await b.join('bob', topic)]
      await until(() => 'bob' in ann.view && 'ann' in bob.view)
      bob.leave()
      await until(() => !('bob' in ann.view))
      expect(ann.news()).toEqual(['+ann', '+bob', '-bob'])
    }
  })
})

describe('when Redis loses all data', () => {
  it.each([
    ['because it is flushed', (redis: RedisServer) => redis.cli('FLUSHALL')],
    ['because it is restarted empty', (redis: RedisServer) => redis.restart({ empty: true })],
  ])('%s, no member flickers, and members that are gone leave a lease later', async (_name, forget) => {
    const cluster = await Cluster.start()
    const [a, b] = [await cluster.node(), await cluster.node()]
    const { node: c, wire } = await cluster.wiredNode()
    const [ann, bob] = [await a.join('ann'), await b.join('bob')]
    await c.join('cid')
    await until(() => Object.keys(ann.view).length === 3 && Object.keys(bob.view).length === 3)
    ann.news()
    bob.news()
    wire.cut()
    await forget(cluster.redis)
    // A change before the nodes have noticed has them read the topic.
    bob.rename('Bobby')
    await until(() => ann.view['bob']?.[0]?.includes('Bobby') === true, SOON)
    await until(() => !('cid' in ann.view) && !('cid' in bob.view), SOON)
    expect([ann.news(), bob.news()]).toEqual([
      ['+bob', '-bob', '-cid'],
      ['+bob', '-bob', '-cid'],
    ])
    expect([bob.view, await a.list(), await b.list()]).toEqual([ann.view, ann.view, ann.view])
    while ((await cluster.entries()) !== 2) await a.list()
  })
})

describe('while Redis is away', () => {
  it("a node has its own presences and the others' last state; both are corrected when Redis is back", async () => {
    const cluster = await Cluster.start()
    const [a, b] = [await cluster.node(), await cluster.node()]
    const [ann, bob] = [await a.join('ann'), await b.join('bob')]
    await until(() => 'bob' in ann.view && 'ann' in bob.view)
    await cluster.redis.kill()
    await until(() => a.endpoint.engine.state === 'down' && b.endpoint.engine.state === 'down')
    const cid = await a.join('cid')
    expect(Object.keys(cid.view)).toEqual(['ann', 'bob', 'cid'])
    bob.rename('Bobby')
    ann.leave()
    const dan = await b.join('dan', 'room:b')
    expect(Object.keys(dan.view)).toEqual(['dan'])
    await cluster.redis.start()
    await until(() => Object.keys(bob.view).join() === 'bob,cid', SOON)
    await until(() => JSON.stringify(cid.view) === JSON.stringify(bob.view), SOON)
    expect(Object.keys(await a.list('room:b'))).toEqual(['dan'])
  })

  it('a join waits for presences at most as long as for the subscription', async () => {
    const cluster = await Cluster.start()
    const a = await PresenceNode.start({ ...cluster.options, subscribeTimeout: 300, commandTimeout: 5_000 })
    cluster.redis.pause()
    const begin = startClock()
    const ann = await a.join('ann')
    expect(begin()).toBeLessThan(1_500)
    expect(Object.keys(ann.view)).toEqual(['ann'])
    cluster.redis.resume()
    const b = await cluster.node()
    const bob = await b.join('bob')
    await until(() => 'ann' in bob.view && 'bob' in ann.view, SOON)
  })
})

describe('RedisPresence', () => {
  const scope = { name: 'people', pattern: parseTopicPattern('room:*') }
  const ann = { key: 'ann', meta: { phx_ref: 'F1' } }

  /** The presence of a node, begun. */
  async function presence(url: string, prefix: string, nodeId: string, lease = LEASE) {
    const connection = new TestConnection({ url, prefix })
    const lines: unknown[] = []
    const logger = { info() {}, warn: (_details: object, line: string) => lines.push(line) }
    const begun = new RedisPresence(connection, resolveOptions({ lease }))
    begun.start({ nodeId, logger })
    onTestFinished(() => begun.stop())
    connection.begin()
    await connection.is('up')
    return { presence: begun, connection, lines }
  }

  it('makes a store that is opened late enter the topics that its node already has', async () => {
    const [{ url }, prefix] = [await startRedis(), ownPrefix()]
    const [a, b] = [await presence(url, prefix, 'a'), await presence(url, prefix, 'b')]
    for (const topic of ['room:a', 'hall:a', 'room:b']) expect(a.presence.entered(topic)).toBeUndefined()
    a.presence.left('room:b')
    const heard: unknown[] = []
    a.presence.open(
      scope,
      (...change) => heard.push(change),
      () => {},
    )
    const store = b.presence.open(
      scope,
      () => {},
      () => {},
    )
    store.change('room:b', { joins: [ann], leaves: [] })
    store.change('room:a', { joins: [ann], leaves: [] })
    await until(() => heard.length > 0)
    expect(heard).toContainEqual(['room:a', { joins: [ann], leaves: [] }])
  })

  it('writes what it could not write in an outage when Redis is back, also after a second outage', async () => {
    const [redis, prefix] = [await startRedis(), ownPrefix()]
    const [a, b] = [
      await presence(redis.url, prefix, 'a', LONG),
      await presence(redis.url, prefix, 'b', LONG),
    ]
    const store = a.presence.open(
      scope,
      () => {},
      () => {},
    )
    const heard: string[] = []
    b.presence.open(
      scope,
      (_topic, { joins }) => heard.push(...joins.map(({ key }) => key)),
      () => {},
    )
    await b.presence.entered('room:a')
    const waiting = ['one', 'two', 'three']
    a.connection.onChange((isUp) => {
      const key = isUp ? undefined : waiting.shift()
      if (key === undefined) return
      store.change('room:a', { joins: [{ key, meta: { phx_ref: key } }], leaves: [] })
    })
    for (const key of [...waiting]) {
      await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal')
      await until(() => heard.includes(key))
      await a.connection.is('up')
    }
    expect(heard).toEqual(['one', 'two', 'three'])
  })

  it('reads its topics when it reaches Redis for the first time', async () => {
    const [redis, prefix] = [await startRedis(), ownPrefix()]
    const a = await presence(redis.url, prefix, 'a', LONG)
    a.presence
      .open(
        scope,
        () => {},
        () => {},
      )
      .change('room:a', { joins: [ann], leaves: [] })
    const hash = a.connection.keys.ofTopic('room:a', 'presence', 'people')
    while ((await redis.cli('EXISTS', hash)) === '0');
    const connection = new TestConnection({ url: redis.url, prefix, subscribeTimeout: 1 })
    // The connection for subscriptions comes up before the connection for commands.
    const command = vi.spyOn(connection, 'command').mockRejectedValue(new EngineError('not connected'))
    connection.onChange((isUp) => isUp && command.mockRestore())
    const b = new RedisPresence(connection, resolveOptions({ lease: LONG }))
    b.start({ nodeId: 'b', logger: { info() {}, warn() {} } })
    onTestFinished(() => b.stop())
    const store = b.open(
      scope,
      () => {},
      () => {},
    )
    await b.entered('room:a')
    connection.begin()
    await until(() => store.view('room:a').has(ann))
  })

  it('detects changes without a message within one lease', async () => {
    const [redis, prefix] = [await startRedis(), ownPrefix()]
    const a = await presence(redis.url, prefix, 'a')
    const store = a.presence.open(
      scope,
      () => {},
      () => {},
    )
    await a.presence.entered('room:a')
    await redis.cli('SET', a.connection.keys.node('m.1', 'lease'), 'm')
    const hash = a.connection.keys.ofTopic('room:a', 'presence', 'people')
    await redis.cli('HSET', hash, 'version', '7', 'm.1/F1', '["ann",{"phx_ref":"F1"}]')
    await until(() => store.view('room:a').has(ann))
  })

  it('checks each topic once a lease', async () => {
    const [redis, prefix] = [await startRedis(), ownPrefix()]
    const a = await presence(redis.url, prefix, 'a', 1_500)
    a.presence.open(
      scope,
      () => {},
      () => {},
    )
    for (let n = 0; n < 45; n++) void a.presence.entered(`room:${n}`)
    const evals = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0)
    while ((await evals()) === 0);
    const now = async () => {
      const [seconds, microseconds] = (await redis.cli('TIME')).split('\n')
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000
    }
    await redis.cli('CONFIG', 'RESETSTAT')
    const since = await now()
    // Each twice, in two leases by the clock of Redis: a slow machine may need longer, none less.
    while ((await evals()) < 90) await delay(100)
    const milliseconds = (await now()) - since
    expect(milliseconds).toBeGreaterThan(2_000)
    expect(milliseconds).toBeLessThan(6_000)
  })

  it('logs error replies of Redis at most once per round', async () => {
    const [redis, prefix] = [await startRedis(), ownPrefix()]
    const a = await presence(redis.url, prefix, 'a', 60_000)
    const store = a.presence.open(
      scope,
      () => {},
      () => {},
    )
    for (const topic of ['room:a', 'room:b']) {
      await redis.cli('SET', a.connection.keys.ofTopic(topic, 'presence', 'people'), 'no hash')
      store.change(topic, { joins: [ann], leaves: [] })
    }
    await until(() => a.lines.length > 0)
    expect(a.lines).toEqual(['failed to read or write presence data in Redis; retrying'])
    expect([...store.view('room:a')]).toEqual([ann])
  })
})
