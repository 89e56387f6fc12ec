import type { Claim } from '../engine/engine.ts'
import type { RedisConnection } from './connection.ts'
import { RedisScript } from './script.ts'

// Claims the current period of a task. Periods are measured by the clock of Redis, and only the first call in a period
// succeeds. The script stores the number of the claimed period under a key that expires after two periods.
const CLAIM_SCRIPT = new RedisScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local period = math.floor(now / ARGV[1])
local left = ARGV[1] * (period + 1) - now
if tonumber(redis.call('GET', KEYS[1]) or -1) >= period then return {0, left} end
redis.call('SET', KEYS[1], string.format('%.0f', period), 'PX', ARGV[1] * 2)
return {1, left}`)

/**
 * Claim the task `name` for the current period, so that only one node runs the task for the whole cluster. While Redis
 * is unavailable, each node runs the task for its own clients.
 */
export async function claim(connection: RedisConnection, name: string, periodMs: number): Promise<Claim> {
  const key = connection.keys.of('claim', name, String(periodMs))
  try {
    const reply = await connection.script(CLAIM_SCRIPT, [key], [String(periodMs)])
    const [won, left] = Array.isArray(reply) ? reply : []
    return { scope: won === 1 ? 'cluster' : 'nobody', nextInMs: Math.max(1, Number(left)) }
  } catch {
    return { scope: 'node', nextInMs: periodMs }
  }
}
