import { createHash } from 'node:crypto'
import type { PhoenixOptions } from '../index.ts'
import { RedisEngine } from '../redis/index.ts'
import type { Settings } from './settings.ts'

/** What makes this process one node of several, which follows these presences; nothing if it is alone. */
export function nodeOptions(
  { redisUrl, secret }: Pick<Settings, 'redisUrl' | 'secret'>,
  presences: NonNullable<PhoenixOptions['presences']>,
): Partial<PhoenixOptions> {
  if (redisUrl === null) return secret === null ? {} : { secret }
  return { engine: new RedisEngine({ url: redisUrl }), presences, secret: secret ?? secretOf(redisUrl) }
}

/** All nodes come to the same. It tells who guesses it nothing: what it signs are names that nobody can guess. */
function secretOf(redisUrl: string): string {
  return createHash('sha256').update(`long-poll tokens of ${redisUrl}`).digest('base64url')
}
