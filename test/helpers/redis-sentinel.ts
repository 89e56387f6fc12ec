import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { findRedis, freePort, RedisServer, startRedis } from './redis.ts'

/** A server, its replica, and a Sentinel that watches them. */
export type RedisSentinelServers = {
  readonly name: string
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinel: RedisServer
}

/** Start a server with a replica and a Sentinel that needs half a second to see that it is dead. */
export async function startRedisSentinel(): Promise<RedisSentinelServers> {
  const master = await startRedis()
  const replica = await startRedis('--replicaof', `127.0.0.1 ${master.port}`)
  const sentinel = new RedisServer(await findRedis(process.env), await freePort(), ['--sentinel'])
  onTestFinished(() => sentinel.remove())
  const lines = [
    `port ${sentinel.port}`,
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 3000',
  ]
  const config = join(await sentinel.folder(), 'sentinel.conf')
  await writeFile(config, lines.join('\n'))
  await sentinel.start(config)
  return { name: 'main', master, replica, sentinel }
}
