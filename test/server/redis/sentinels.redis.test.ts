import { expect, test } from 'vitest'
import { freePort, ownPrefix } from '../../helpers/redis.ts'
import { inSync } from '../../helpers/redis-cluster.ts'
import { RedisNode } from '../../helpers/redis-node.ts'
import { startRedisSentinel } from '../../helpers/redis-sentinel.ts'

test('nodes reconnect to the server that replaced a dead master', async () => {
  const { name, master, replica, sentinel } = await startRedisSentinel()
  // The first Sentinel is away, which costs nothing but a moment.
  const sentinels = [`redis://127.0.0.1:${await freePort()}`, sentinel.url]
  const options = { url: `redis://${name}`, sentinels, prefix: ownPrefix() }
  const [a, b] = [await RedisNode.start(options), await RedisNode.start(options)]
  const listener = await b.listen('room:a')
  expect(await a.say('room:a', 1)).toBe(true)
  await listener.has(1)
  await inSync(replica)
  await master.kill()
  for (const node of [a, b]) await node.is('down')
  for (const node of [a, b]) await node.is('up')
  expect(await a.say('room:a', 2)).toBe(true)
  await listener.has(1, 2)
  expect(await replica.cli('ROLE')).toMatch(/^master/)
})

test('nodes leave a demoted master, although their connections to it stay open', async () => {
  const { name, master, replica, sentinel } = await startRedisSentinel()
  const options = { url: `redis://${name}`, sentinels: [sentinel.url], prefix: ownPrefix() }
  // Longer than a failover takes: nothing but the Sentinel's word makes the nodes go.
  const [a, b] = [
    await RedisNode.start({ ...options, commandTimeout: 60_000 }),
    await RedisNode.start({ ...options, commandTimeout: 60_000 }),
  ]
  const listener = await b.listen('room:a')
  await inSync(replica)
  master.pause()
  for (const node of [a, b]) await node.is('down')
  for (const node of [a, b]) await node.is('up')
  expect(await a.say('room:a', 1)).toBe(true)
  await listener.has(1)
})

test('reports if no Sentinel knows the master, and keeps asking', async () => {
  const { sentinel } = await startRedisSentinel()
  const node = new RedisNode({ url: 'redis://other', sentinels: [sentinel.url], prefix: ownPrefix() })
  await node.endpoint.start()
  await node.listen('room:a')
  expect(node.engine.state).toBe('connecting')
  expect(node.errors.map(String)).toEqual([
    'EngineError: no Sentinel returned an address for the master "other"',
  ])
})
