import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, it } from 'vitest'
import type { RedisEngineOptions } from '../../../server/redis/index.ts'
import { PresenceNode } from '../../helpers/presence-node.ts'
import { ownPrefix, type RedisServer, startRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'
import { Wire } from '../../helpers/wire.ts'

let redis: RedisServer
let options: RedisEngineOptions
beforeEach(async () => {
  redis = await startRedis()
  options = { url: redis.url, prefix: ownPrefix(), lease: 1_000 }
})

it('has members of all nodes in the state, and tells of changes as on one node', async () => {
  const [a, b] = [await PresenceNode.start(options), await PresenceNode.start(options)]
  const ann = await a.join('ann')
  const bob = await b.join('bob')
  expect(Object.keys(bob.view)).toEqual(['ann', 'bob'])
  await until(() => 'bob' in ann.view)
  expect(ann.news()).toEqual(['+ann', '+bob'])
  expect(ann.view).toEqual(bob.view)
  bob.rename('Bobby')
  await until(() => ann.view['bob']?.[0]?.includes('Bobby') === true)
  expect(ann.news()).toEqual(['+bob', '-bob'])
  expect(ann.view).toEqual(bob.view)
  bob.leave()
  await until(() => !('bob' in ann.view))
  expect(ann.news()).toEqual(['-bob'])
  expect(await b.list()).toEqual(ann.view)
  expect(await a.list()).toEqual(ann.view)
})

it('members of a node that is gone leave once, when its lease has run out', async () => {
  const wire = await Wire.to(redis.port)
  const a = await PresenceNode.start({ ...options, url: `redis://127.0.0.1:${wire.port}` })
  const b = await PresenceNode.start(options)
  const c = await PresenceNode.start(options)
  const ann = await a.join('ann')
  const bob = await b.join('bob')
  const cid = await c.join('cid')
  await until(() => Object.keys(ann.view).length === 3)
  await until(() => Object.keys(bob.view).length === 3)
  bob.news()
  wire.cut()
  await until(() => !('ann' in bob.view) && !('ann' in cid.view), { timeout: 5_000 })
  expect(bob.news()).toEqual(['-ann'])
  expect(Object.keys(ann.view)).toHaveLength(3)
})

it('members of a node that comes back after its lease leave once and come back once', async () => {
  const wire = await Wire.to(redis.port)
  const a = await PresenceNode.start({ ...options, url: `redis://127.0.0.1:${wire.port}` })
  const b = await PresenceNode.start(options)
  const ann = await a.join('ann')
  const bob = await b.join('bob')
  await until(() => 'bob' in ann.view)
  bob.news()
  ann.news()
  wire.cut()
  await until(() => !('ann' in bob.view), { timeout: 5_000 })
  wire.mend()
  await until(() => 'ann' in bob.view, { timeout: 5_000 })
  expect(bob.news()).toEqual(['-ann', '+ann'])
  expect(ann.news()).toEqual([])
  expect(bob.view).toEqual(ann.view)
})

it('nobody flickers when Redis forgets everything', async () => {
  const [a, b] = [await PresenceNode.start(options), await PresenceNode.start(options)]
  const ann = await a.join('ann')
  const bob = await b.join('bob')
  await until(() => 'bob' in ann.view)
  ann.news()
  bob.news()
  await redis.cli('FLUSHALL')
  const cid = await b.join('cid')
  await until(() => 'cid' in ann.view)
  await delay(3_000)
  expect(ann.news()).toEqual(['+cid'])
  expect(ann.view).toEqual(bob.view)
  expect(ann.view).toEqual(cid.view)
  expect(await a.list()).toEqual(ann.view)
})

it('nobody flickers when Redis is restarted empty', async () => {
  const [a, b] = [await PresenceNode.start(options), await PresenceNode.start(options)]
  const ann = await a.join('ann')
  const bob = await b.join('bob')
  await until(() => 'bob' in ann.view)
  ann.news()
  bob.news()
  await redis.restart({ empty: true })
  bob.rename('Bobby')
  await until(() => ann.view['bob']?.[0]?.includes('Bobby') === true, { timeout: 5_000 })
  await delay(3_000)
  expect(ann.news()).toEqual(['+bob', '-bob'])
  expect(ann.view).toEqual(bob.view)
})
