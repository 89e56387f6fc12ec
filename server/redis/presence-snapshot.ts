import { freeze } from '../runtime/object.ts'
import type { RedisConnection } from './connection.ts'
import { type PresenceEntry, readEntry } from './presence-entry.ts'
import { VERSION_FIELD } from './presence-scripts.ts'

/** All presences of one topic in Redis, with the version of the Redis hash that contains them. */
export type Snapshot = { readonly version: number; readonly entries: readonly PresenceEntry[] }

/** Read the Redis hash of a topic. Rejects while Redis is unavailable. */
export async function readSnapshot(connection: RedisConnection, key: string): Promise<Snapshot> {
  const reply = await connection.command(key, ['HGETALL', key])
  const flat: unknown[] = Array.isArray(reply) ? reply : []
  const entries: PresenceEntry[] = []
  let version = 0
  for (let at = 0; at < flat.length; at += 2) {
    const [field, text] = [String(flat[at]), String(flat[at + 1])]
    const entry = field === VERSION_FIELD ? null : readEntry(field, JSON.parse(text, freeze))
    if (field === VERSION_FIELD) version = Number(text)
    else if (entry !== null) entries.push(entry)
  }
  return { version, entries }
}
