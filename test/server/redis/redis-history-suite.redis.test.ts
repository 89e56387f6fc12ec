import { afterAll, beforeAll, describe, test } from 'vitest'
import { RedisEngine, type RedisEngineOptions } from '../../../server/redis/index.ts'
import { type HistoryMember, historySuite } from '../../../server/testing/history-suite.ts'
import { ownPrefix, startRedis } from '../../helpers/redis.ts'
import { makeRedisCluster, type RedisClusterServers } from '../../helpers/redis-cluster.ts'
import { until } from '../../helpers/until.ts'

const SILENT = { warn() {}, info() {} }

/** Nodes whose engines connect when their histories are open, as an endpoint does it. */
function membersOf(options: RedisEngineOptions): () => HistoryMember {
  const prefix = ownPrefix()
  let count = 0
  return () => {
    count += 1
    const nodeId = `node-${count}`
    const engine = new RedisEngine({ ...options, prefix, linger: 0 })
    return {
      adapter: {
        async start(deliver, gap) {
          engine.start({ nodeId, logger: SILENT })
          await engine.adapter.start(deliver, gap)
          await until(() => engine.state === 'up')
        },
        stop: () => engine.adapter.stop(),
        subscribe: (topic) => engine.adapter.subscribe(topic),
        unsubscribe: (topic) => engine.adapter.unsubscribe(topic),
        publish: (broadcast) => engine.adapter.publish(broadcast),
      },
      openHistory: engine.openHistory,
      stop: () => engine.stop(),
    }
  }
}

describe('at one server', () => {
  historySuite({
    test,
    async cluster() {
      const server = await startRedis()
      return membersOf({ url: server.url })
    },
  })
})

describe('in a Redis Cluster', () => {
  let shared: RedisClusterServers

  beforeAll(async () => {
    shared = await makeRedisCluster()
  })
  afterAll(() => shared.remove())

  historySuite({ test, cluster: () => membersOf({ urls: shared.urls.slice(0, 1) }) })
})
