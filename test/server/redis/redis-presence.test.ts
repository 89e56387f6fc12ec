import { beforeEach, expect, it } from 'vitest'
import type { RedisEngineOptions } from '../../../server/redis/index.ts'
import { PresenceNode } from '../../helpers/presence-node.ts'
import { ownPrefix, type RedisServer, startRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

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
