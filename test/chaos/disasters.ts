import type { Cluster } from './cluster.ts'
import type { Fault } from './records.ts'
import type { Size } from './size.ts'

/** Failure of a part of the cluster, which the run repairs after `awayMs` milliseconds. */
export type Disaster = {
  readonly name: string
  readonly takes: Fault['takes']
  readonly awayMs: number
  strike(): Promise<void>
  repair(): Promise<void>
}

/**
 * Create the disasters: a node is killed, then Redis is killed and loses its data. In a large run, Redis is also killed
 * once between these two, and keeps its data.
 */
export async function disastersOf(
  { nodeAwayMs, redisAwayMs, isLarge }: Size,
  { nodes, redis }: Cluster,
): Promise<Disaster[]> {
  const [, node] = nodes
  if (node === undefined) throw new Error('a node dies and others live on: there must be two')
  await node.prepare()
  const killNode: Disaster = {
    name: `${node.name} is killed`,
    takes: 'node',
    awayMs: nodeAwayMs,
    strike: () => node.kill(),
    repair: () => node.start(),
  }
  const killRedis = { awayMs: redisAwayMs, strike: () => redis.kill() }
  const emptyRedis: Disaster = {
    name: 'Redis is killed and loses its data',
    takes: 'history',
    ...killRedis,
    repair: () => redis.restart({ empty: true }),
  }
  const durableRedis: Disaster = {
    name: 'Redis is killed and keeps its data',
    takes: 'engine',
    ...killRedis,
    repair: () => redis.start(),
  }
  return isLarge ? [killNode, durableRedis, emptyRedis] : [killNode, emptyRedis]
}
