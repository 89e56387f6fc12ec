import type { RedisConnection } from './connection.ts'
import { type Entry, freeze, readEntry } from './presence-entry.ts'
import { VERSION } from './presence-scripts.ts'

/** All presences of one topic in Redis, with the version of the hash. */
export type Snapshot = { readonly version: number; readonly entries: readonly Entry[] }

/** Read the hash of a topic. Rejects while Redis is unavailable. */
export async function readSnapshot(connection: RedisConnection, key: string): Promise<Snapshot> {
  const reply = await connection.command(key, ['HGETALL', key])
  const flat: unknown[] = Array.isArray(reply) ? reply : []
  const entries: Entry[] = []
  let version = 0
  for (let at = 0; at < flat.length; at += 2) {
    const [field, text] = [String(flat[at]), String(flat[at + 1])]
    const entry = field === VERSION ? null : readEntry(field, JSON.parse(text, freeze))
    if (field === VERSION) version = Number(text)
    else if (entry !== null) entries.push(entry)
  }
  return { version, entries }
}
