import { onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from '../helpers/redis.ts'
import { roundRobin } from '../helpers/round-robin.ts'
import { ClusterNode } from './cluster-node.ts'
import { heldByRedis } from './held-by-redis.ts'
import type { Held, ViewRecord } from './records.ts'
import type { Size } from './size.ts'

/** Nodes of a run, the Redis server that connects them, and the proxy in front of them. */
export class Cluster {
  readonly nodes: readonly ClusterNode[]
  readonly redis: RedisServer
  readonly proxy: string

  constructor(nodes: readonly ClusterNode[], redis: RedisServer, proxy: string) {
    this.nodes = nodes
    this.redis = redis
    this.proxy = proxy
  }

  /** Start all parts, which end with the test. `script` is the file that each node runs. */
  static async start(size: Size, script: string): Promise<Cluster> {
    const redis = await startRedis()
    const env = {
      REDIS_URL: redis.url,
      LEASE_MS: String(size.leaseMs),
      LINGER_MS: String(size.lingerMs),
      WINDOW_MS: String(size.windowMs),
    }
    const nodes = Array.from({ length: size.nodes }, (_, n) => {
      return new ClusterNode(`node ${n + 1}`, script, env)
    })
    await Promise.all(nodes.map((node) => node.start()))
    const { base, close } = await roundRobin(nodes.map((node) => node.base))
    onTestFinished(close)
    return new Cluster(nodes, redis, base)
  }

  /** Return what is missing: nodes whose engine is not up, and clients that are not joined at any node. */
  async missing(clients: readonly string[], joined: readonly string[]): Promise<string[]> {
    const statuses = await Promise.all(this.nodes.map((node) => node.status()))
    const alone = this.nodes.flatMap(({ name }, n) =>
      statuses[n]?.engine === 'up' ? [] : [`${name} (${statuses[n]?.engine})`],
    )
    const here = new Set(statuses.flatMap(({ stays }) => stays))
    const back = new Set(joined.filter((stay) => here.has(stay)).map((stay) => stay.split('/')[0]))
    return [...alone, ...clients.filter((id) => !back.has(id))]
  }

  async views(rooms: readonly string[]): Promise<ViewRecord[]> {
    return (await Promise.all(this.nodes.map((node) => node.views(rooms)))).flat()
  }

  /** Resources that each part holds, by the part's name. */
  async held(): Promise<Map<string, Held>> {
    const held = new Map<string, Held>([['Redis', await heldByRedis(this.redis)]])
    for (const node of this.nodes) held.set(node.name, await node.held())
    return held
  }
}
