import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { cliOf, findRedis, freePort, RedisServer } from './redis.ts'

/** The servers of a Redis Cluster. */
export type RedisClusterServers = {
  readonly servers: readonly RedisServer[]
  readonly urls: readonly string[]
  remove(): Promise<void>
}

/** How many replicas each master has, and options of all servers. */
type ClusterOptions = { replicas?: number; args?: readonly string[] }

/** A Redis Cluster of its own until the end of the test: 3 masters, each with as many replicas as asked for. */
export async function startRedisCluster(options?: ClusterOptions): Promise<RedisClusterServers> {
  const cluster = await makeRedisCluster(options)
  onTestFinished(() => cluster.remove())
  return cluster
}

/** The same until it is removed, for several tests. */
export async function makeRedisCluster(options?: ClusterOptions): Promise<RedisClusterServers> {
  const replicas = options?.replicas ?? 0
  const path = await findRedis(process.env)
  const servers: RedisServer[] = []
  for (let n = 0; n < 3 * (1 + replicas); n++) {
    // The bus is at the port + 10,000 unless told otherwise, which there may not be.
    const bus = ['--cluster-port', String(await freePort())]
    const soon = ['--repl-diskless-sync-delay', '0', '--cluster-node-timeout', '1000']
    const cluster = ['--cluster-enabled', 'yes', ...soon, ...bus]
    servers.push(new RedisServer(path, await freePort(), [...cluster, ...(options?.args ?? [])]))
  }
  await Promise.all(servers.map((server) => server.start()))
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`)
  const create = [
    '--cluster',
    'create',
    ...addresses,
    '--cluster-replicas',
    String(replicas),
    '--cluster-yes',
  ]
  await promisify(execFile)(cliOf(path), create)
  await Promise.all(servers.map(isReady))
  await Promise.all(servers.map(inSync))
  return {
    servers,
    urls: servers.map(({ url }) => url),
    async remove() {
      await Promise.all(servers.map((server) => server.remove()))
    },
  }
}

/** Wait until a replica has all the data of its master, so that it may take its place. */
export async function inSync(server: RedisServer): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const info = await server.cli('INFO', 'replication')
    if (info.includes('role:master') || info.includes('master_link_status:up')) return
    await delay(20)
  }
  throw new Error(`the server on port ${server.port} does not follow its master`)
}

/** The server that has a key. */
export async function serverOf(cluster: RedisClusterServers, key: string): Promise<RedisServer> {
  const [first] = cluster.servers
  const slot = Number(await first?.cli('CLUSTER', 'KEYSLOT', key))
  for (const server of cluster.servers) {
    for (const line of (await server.cli('CLUSTER', 'NODES')).split('\n')) {
      if (!line.includes('myself') || !line.includes('master')) continue
      const ranges = line
        .split(' ')
        .slice(8)
        .map((range) => range.split('-').map(Number))
      if (ranges.some(([from = 0, to = from]) => slot >= from && slot <= to)) return server
    }
  }
  throw new Error(`no server has the slot ${slot}`)
}

async function isReady(server: RedisServer): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await server.cli('CLUSTER', 'INFO')).includes('cluster_state:ok')) return
    await delay(20)
  }
  throw new Error('the cluster is not complete')
}
