import { describe, expect, onTestFinished, test } from 'vitest'
import { EngineError } from '../../../server/errors.ts'
import type { RedisEngineOptions } from '../../../server/redis/options.ts'
import { RedisEngine } from '../../../server/redis/redis-engine.ts'
import { timed } from '../../helpers/clock.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { ownPrefix, redisUrl, startRedis } from '../../helpers/redis.ts'
import { startRedisCluster } from '../../helpers/redis-cluster.ts'
import { until } from '../../helpers/until.ts'

/** Nodes that are up, with their warnings. */
async function start(where: string | readonly string[], ids: string[], options: RedisEngineOptions = {}) {
  const prefix = ownPrefix()
  const warnings: string[] = []
  const logger = { warn: (_: object, text: string) => void warnings.push(text), info() {} }
  const engines = ids.map((nodeId) => {
    const engine = new RedisEngine({
      ...(typeof where === 'string' ? { url: where } : { urls: where }),
      prefix,
      ...options,
    })
    engine.start({ nodeId, logger })
    onTestFinished(() => engine.stop())
    return engine
  })
  await allUp(engines)
  const node = (id: string) => engines[ids.indexOf(id)]?.nodes ?? expect.fail()
  return { engines, node, warnings }
}

const allUp = (engines: RedisEngine[]) => until(() => engines.every((engine) => engine.state === 'up'))

test('a node can ask another node, and itself', async () => {
  const { node } = await start(await redisUrl(), ['a', 'b'])
  const [a, b] = [node('a'), node('b')]
  b.answer('double', async (body) => ({ n: Number(body) * 2 }))
  a.answer('double', () => 'mine')
  expect(await a.ask('b', 'double', 21)).toEqual({ n: 42 })
  expect(await a.ask('a', 'double', 21)).toBe('mine')
})

test('the latest handler of a question is used; an unknown question is answered undefined at once', async () => {
  const { node } = await start(await redisUrl(), ['a', 'b'])
  const [a, b] = [node('a'), node('b')]
  b.answer('q', () => 1)
  b.answer('q', () => 2)
  expect(await a.ask('b', 'q', null)).toBe(2)
  const [answer, ms] = await timed(a.ask('b', 'unknown', null))
  expect(answer).toBeUndefined()
  expect(ms).toBeLessThan(1_000)
})

test('questions of one node arrive and start in order', async () => {
  const { node } = await start(await redisUrl(), ['a', 'b'])
  const [a, b] = [node('a'), node('b')]
  const heard: unknown[] = []
  b.answer('q', (body) => heard.push(body))
  const numbers = Array.from({ length: 200 }, (_, n) => n)
  const answered: Promise<unknown>[] = []
  for (const n of numbers) {
    if (n % 3 === 0) a.tell('b', 'q', n)
    else answered.push(a.ask('b', 'q', n))
  }
  await Promise.all(answered)
  expect(heard).toEqual(numbers)
})

test('asking a dead node fails at once, and one that does not answer after the timeout', async () => {
  const { node, engines } = await start(await redisUrl(), ['a', 'b'])
  const [a, b] = [node('a'), node('b')]
  b.answer('never', () => new Promise(() => {}))
  const [silent, silentMs] = await timed(a.ask('b', 'never', null, 300))
  expect([silent, Math.round(silentMs / 300)]).toEqual([undefined, 1])
  await engines[1]?.stop()
  const [gone, goneMs] = await timed(a.ask('b', 'never', null))
  expect(gone).toBeUndefined()
  expect(goneMs).toBeLessThan(1_000)
})

test('askAll asks all other nodes in parallel, and returns the answers in time', async () => {
  const { node } = await start(await redisUrl(), ['a', 'b', 'c', 'd'])
  const [a, b, c, d] = [node('a'), node('b'), node('c'), node('d')]
  a.answer('q', () => 'own')
  b.answer('q', () => 'b')
  c.answer('q', () => 'c')
  const [answers, ms] = await timed(a.askAll('q', null, 5_000))
  expect(answers.sort()).toEqual(['b', 'c'])
  expect(ms).toBeLessThan(1_000)
  d.answer('q', () => new Promise(() => {}))
  const [inTime, slowMs] = await timed(a.askAll('q', null, 300))
  expect(inTime.sort()).toEqual(['b', 'c'])
  expect(Math.round(slowMs / 300)).toBe(1)
})

test('askAll resolves at once on a single node', async () => {
  const { node } = await start(await redisUrl(), ['a'])
  const [answers, ms] = await timed(node('a').askAll('q', null, 5_000))
  expect(answers).toEqual([])
  expect(ms).toBeLessThan(1_000)
})

test('a handler that throws is logged, and counts as no answer', async () => {
  const { node, warnings } = await start(await redisUrl(), ['a', 'b'])
  const [a, b] = [node('a'), node('b')]
  b.answer('q', () => {
    throw new Error('thrown')
  })
  expect(await a.ask('b', 'q', null)).toBeUndefined()
  expect(warnings).toEqual(['failed to answer a question (request of another node)'])
})

test('at most `maxQuestions` questions wait for answers', async () => {
  const { node, warnings } = await start(await redisUrl(), ['a', 'b'], { maxQuestions: 2 })
  const [a, b] = [node('a'), node('b')]
  const gate = new Deferred<string>()
  b.answer('q', () => gate.promise)
  const waiting = [a.ask('b', 'q', null), a.ask('b', 'q', null)]
  await expect(a.ask('b', 'q', null)).rejects.toThrow(EngineError)
  await expect(a.ask('b', 'q', null)).rejects.toThrow(
    'too many unanswered questions (requests to other nodes): `maxQuestions` (2) is reached',
  )
  expect(await a.askAll('q', null)).toEqual([])
  expect(warnings).toEqual(['too many unanswered questions (requests to other nodes)'])
  gate.resolve('done')
  expect(await Promise.all(waiting)).toEqual(['done', 'done'])
  expect(await a.ask('b', 'q', null)).toBe('done')
})

test('works in a Redis Cluster, too', async () => {
  const { urls } = await startRedisCluster()
  const { node } = await start(urls, ['a', 'b', 'c'])
  const [a, b, c] = [node('a'), node('b'), node('c')]
  const heard: unknown[] = []
  for (const each of [b, c]) each.answer('q', (body) => body)
  b.answer('order', (body) => heard.push(body))
  const numbers = Array.from({ length: 200 }, (_, n) => n)
  await Promise.all(numbers.map((n) => a.ask('b', 'order', n)))
  expect(heard).toEqual(numbers)
  const [answers, ms] = await timed(a.askAll('q', 7, 5_000))
  expect(answers).toEqual([7, 7])
  expect(ms).toBeLessThan(2_000)
  expect(await a.ask('nobody', 'q', null)).toBeUndefined()
})

describe('long questions and answers', () => {
  /** Redis cuts off a node for which more waits. */
  const LITTLE = ['--client-output-buffer-limit', 'pubsub 3mb 0 0']
  const long = 'ü'.repeat(500_000)

  async function exchange({ engines, node }: Awaited<ReturnType<typeof start>>): Promise<void> {
    const downs: unknown[] = []
    const watch = setInterval(() => downs.push(...engines.filter(({ state }) => state !== 'up')), 5)
    onTestFinished(() => clearInterval(watch))
    node('b').answer('echo', (body) => body)
    const asked = Array.from({ length: 8 }, (_, n) => node('a').ask('b', 'echo', `${n}${long}`, 10_000))
    const small = node('a').ask('b', 'echo', 'small', 10_000)
    const answers = await Promise.all(asked)
    expect(answers.map((answer, n) => answer === `${n}${long}`)).toEqual(answers.map(() => true))
    expect(await small).toBe('small')
    expect(downs).toEqual([])
  }

  test('arrive completely, and fill no output buffer of Redis', async () => {
    const { url } = await startRedis(...LITTLE)
    await exchange(await start(url, ['a', 'b']))
  })

  test('work in a Redis Cluster, too', async () => {
    const { urls } = await startRedisCluster({ args: LITTLE })
    await exchange(await start(urls, ['a', 'b']))
  })

  test('a question that could not be sent has another result than a question to a dead node', async () => {
    const redis = await startRedis()
    const { node } = await start(redis.url, ['a', 'b'])
    await redis.cli('ACL', 'SETUSER', 'default', '-publish')
    await expect(node('a').ask('b', 'echo', 1)).rejects.toThrow('could not be sent')
    expect(await node('a').askAll('echo', 1)).toEqual([])
  })
})

test('nodes with other prefixes are not asked', async () => {
  const url = await redisUrl()
  const { node } = await start(url, ['a'])
  const others = await start(url, ['b'])
  others.node('b').answer('q', () => 1)
  expect([await node('a').ask('b', 'q', null), await node('a').askAll('q', null)]).toEqual([undefined, []])
})

test('stop ends all waiting questions', async () => {
  const { node, engines } = await start(await redisUrl(), ['a', 'b'])
  node('b').answer('never', () => new Promise(() => {}))
  const asked = [node('a').ask('b', 'never', null, 60_000), node('a').askAll('never', null, 60_000)]
  await engines[0]?.stop()
  expect(await Promise.all(asked)).toEqual([undefined, []])
})

test('questions end when Redis is lost; when it is back they are repeated until the other node is back', async () => {
  const redis = await startRedis()
  const { node, engines } = await start(redis.url, ['a', 'b'])
  const [a, b] = [node('a'), node('b')]
  b.answer('never', () => new Promise(() => {}))
  b.answer('q', () => 'b')
  const asked = a.ask('b', 'never', null, 60_000)
  await redis.kill()
  expect(await asked).toBeUndefined()
  const [away, ms] = await timed(a.ask('b', 'q', null))
  expect(away).toBeUndefined()
  expect(ms).toBeLessThan(200)
  await redis.restart({ empty: true })
  // As soon as this node is back, whether or not the other is.
  await allUp(engines.slice(0, 1))
  expect(await a.ask('b', 'q', null)).toBe('b')
})
