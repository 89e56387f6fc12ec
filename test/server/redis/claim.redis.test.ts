import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ownPrefix, redisUrl, startRedis } from '../../helpers/redis.ts'
import { RedisNode } from '../../helpers/redis-node.ts'

test('exactly one node wins a period, and all nodes learn when the next one begins', async () => {
  const options = { url: await redisUrl(), prefix: ownPrefix() }
  const nodes = [
    await RedisNode.start(options),
    await RedisNode.start(options),
    await RedisNode.start(options),
  ]
  const claims = await Promise.all(nodes.map(({ engine }) => engine.claim('tick', 3_600_000)))
  expect(claims.map(({ scope }) => scope).sort()).toEqual(['cluster', 'nobody', 'nobody'])
  for (const { nextInMs } of claims) {
    expect(nextInMs).toBeGreaterThan(0)
    expect(nextInMs).toBeLessThanOrEqual(3_600_000)
  }
})

test('different names and periods are different claims', async () => {
  const { engine } = await RedisNode.start({ url: await redisUrl(), prefix: ownPrefix() })
  const claims = [
    await engine.claim('a', 3_600_000),
    await engine.claim('b', 3_600_000),
    await engine.claim('a', 7_200_000),
    await engine.claim('a', 3_600_000),
  ]
  expect(claims.map(({ scope }) => scope)).toEqual(['cluster', 'cluster', 'cluster', 'nobody'])
})

test('a node that claims again after `nextInMs` is in the next period and misses none', async () => {
  const { engine } = await RedisNode.start({ url: await redisUrl(), prefix: ownPrefix() })
  for (let n = 0; n < 5; n++) {
    const { scope, nextInMs } = await engine.claim('tick', 100)
    expect(scope).toBe('cluster')
    await delay(nextInMs)
  }
})

test('while Redis is unavailable, every node wins the period for its own clients', async () => {
  const server = await startRedis()
  const { engine } = await RedisNode.start({ url: server.url, prefix: ownPrefix() })
  await server.kill()
  expect(await engine.claim('tick', 1_000)).toEqual({ scope: 'node', nextInMs: 1_000 })
})
