import type { PhoenixOptions } from '../index.ts'
import { RedisEngine } from '../redis/index.ts'
import { RoomPresence } from './presence.ts'
import type { Settings } from './settings.ts'

/** What makes this process one node of several, for the plugin; nothing if it is alone. */
export function nodeOptions({
  redisUrl,
  secret,
}: Pick<Settings, 'redisUrl' | 'secret'>): Partial<PhoenixOptions> {
  return {
    ...(redisUrl !== null && { engine: new RedisEngine({ url: redisUrl }), presences: [RoomPresence] }),
    ...(secret !== null && { secret }),
  }
}
