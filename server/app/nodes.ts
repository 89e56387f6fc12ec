import { createHash } from 'node:crypto'
import type { PhoenixOptions, PresenceHost } from '../index.ts'
import { RedisEngine } from '../redis/index.ts'
import type { Settings } from './settings.ts'

type NodeSettings = Pick<Settings, 'redisUrl' | 'secret'> &
  Partial<Pick<Settings, 'redisPrefix' | 'historyFile'>> & { durable?: boolean }

/**
 * Return the plugin options of a node. In a cluster (with `redisUrl`), these are the engine, the presences and the
 * secret. In a single process, these are only the secret and the history file, if they are set.
 */
export function nodeOptions(
  { redisUrl, redisPrefix = null, secret, durable = false, historyFile = null }: NodeSettings,
  presences: readonly { open(host: PresenceHost): void }[],
): Partial<PhoenixOptions> {
  if (redisUrl === null) {
    return { ...(secret !== null && { secret }), ...(historyFile !== null && { historyFile }) }
  }
  const options = redisPrefix === null ? {} : { prefix: redisPrefix }
  const engine = new RedisEngine({ url: redisUrl, durable, ...options })
  return { engine, presences, secret: secret ?? secretOf(redisUrl) }
}

/**
 * Compute a secret for development, which is the same on all nodes. `readSettings` requires SECRET_KEY_BASE in
 * production, because this secret can be guessed.
 */
function secretOf(redisUrl: string): string {
  return createHash('sha256').update(`long-poll tokens of ${redisUrl}`).digest('base64url')
}
