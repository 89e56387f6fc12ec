import { afterAll, beforeAll, describe, test } from 'vitest'
import { RedisEngine, type RedisEngineOptions } from '../../../server/redis/index.ts'
import { pubsubSuite } from '../../../server/testing/pubsub-suite.ts'
import type { MemberOf, SuiteMember } from '../../../server/testing/suite-cluster.ts'
import { ownPrefix, type RedisServer, startRedis } from '../../helpers/redis.ts'
import { makeRedisCluster, type RedisClusterServers } from '../../helpers/redis-cluster.ts'
import { until } from '../../helpers/until.ts'

const SILENT = { warn() {}, info() {} }

/** A node's engine, and the servers that it meets others at. */
type RedisMember = SuiteMember & { servers: readonly RedisServer[] }

/** Nodes that meet at the servers. What is left is given back at once, so that races can happen. */
function membersOf(options: RedisEngineOptions, servers: readonly RedisServer[]): MemberOf {
  const prefix = ownPrefix()
  let count = 0
  return async () => {
    count += 1
    const engine = new RedisEngine({ ...options, prefix, linger: 0 })
    engine.start({ nodeId: `node-${count}`, logger: SILENT })
    await until(() => engine.state === 'up')
    const member: RedisMember = { adapter: engine.adapter, stop: () => engine.stop(), servers }
    return member
  }
}

/** Cut the connection that has most subscriptions: of the node that has subscribed. */
async function cutSubscriber(member: SuiteMember): Promise<void> {
  for (const server of 'servers' in member ? (member as RedisMember).servers : []) {
    const clients = (await server.cli('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n').filter(Boolean)
    const [busiest] = clients.sort((a, b) => subscriptionsOf(b) - subscriptionsOf(a))
    if (busiest === undefined) continue
    await server.cli('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(busiest)?.[1] ?? '')
  }
}

function subscriptionsOf(client: string): number {
  return Number(/ sub=(\d+)/.exec(client)?.[1]) + Number(/ ssub=(\d+)/.exec(client)?.[1])
}

describe('at one server', () => {
  pubsubSuite({
    test,
    async cluster() {
      const server = await startRedis()
      return membersOf({ url: server.url }, [server])
    },
    interrupt: cutSubscriber,
  })
})

describe('in a Redis Cluster', () => {
  let shared: RedisClusterServers

  beforeAll(async () => {
    shared = await makeRedisCluster()
  })
  afterAll(() => shared.remove())

  pubsubSuite({
    test,
    cluster: () => membersOf({ urls: shared.urls.slice(0, 1) }, shared.servers),
    interrupt: cutSubscriber,
  })
})
