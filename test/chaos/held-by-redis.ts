import type { RedisServer } from '../helpers/redis.ts'
import type { Held } from './records.ts'

/** Resources that a Redis server holds, as it reports them. */
export async function heldByRedis(redis: RedisServer): Promise<Held> {
  const linesOf = async (...command: string[]): Promise<string[]> => {
    return (await redis.cli(...command)).split('\n').filter((line) => line !== '')
  }
  // Leave out the connection that sends this command.
  const clients = (await linesOf('CLIENT', 'LIST')).filter((line) => !line.includes('cmd=client|list'))
  const channels = await linesOf('PUBSUB', 'CHANNELS')
  const sharded = await linesOf('PUBSUB', 'SHARDCHANNELS')
  // Leave out histories, because Redis keeps them after their clients have left.
  const keys = (await linesOf('KEYS', '*')).filter((key) => !/:(?:log|bytes)$/.test(key))
  const counts = { clients: clients.length, channels: channels.length + sharded.length, keys: keys.length }
  return { heapBytes: 0, counts }
}
