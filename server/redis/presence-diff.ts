import { freeze, isObject } from '../runtime/object.ts'
import { type PresenceEntry, readEntry } from './presence-entry.ts'

/** Published change of the Redis hash that holds the presences of a topic. */
export type HashDiff = {
  /** Version of the hash before the change; 0 if the hash did not exist. */
  readonly from: number
  /** Version of the hash after the change; 0 if the change has removed the hash. */
  readonly to: number
  readonly joins: readonly PresenceEntry[]
  /** Names of the removed fields (see `PresenceEntry.field`). */
  readonly leaves: readonly string[]
}

/**
 * Parse a message `[from, to, { field: [key, meta] }, [field]]`. Skips fields whose value is malformed. @throws Error
 * when another part of the message is malformed.
 */
export function readDiff(message: Uint8Array): HashDiff {
  const [from, to, joins, leaves]: unknown[] = JSON.parse(Buffer.from(message).toString(), freeze)
  const isRead = isVersion(from) && isVersion(to) && isObject(joins) && isFields(leaves)
  if (!isRead) throw new Error('malformed presence change in a message from Redis')
  const entries = Object.entries(joins).map(([field, value]) => readEntry(field, value))
  return { from, to, joins: entries.filter((entry) => entry !== null), leaves }
}

/**
 * Returns true if a copy of the hash with this version already includes the change. If the change has removed the hash,
 * `to` is 0, and `from` is compared instead.
 */
export function isPast({ from, to }: HashDiff, version: number): boolean {
  return from !== version && Math.max(from, to) <= version
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isFields(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((field) => typeof field === 'string')
}
