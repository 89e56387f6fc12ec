import type { Cluster } from './cluster.ts'
import type { Fault } from './records.ts'
import type { Size } from './size.ts'

/** Something that befalls a cluster, and that somebody repairs after `awayMs` milliseconds. */
export type Disaster = {
  readonly name: string
  readonly takes: Fault['takes']
  readonly awayMs: number
  strike(): Promise<void>
  repair(): Promise<void>
}

/** A node dies; then Redis does, which comes back without its data; in a large run a third time, with them. */
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
