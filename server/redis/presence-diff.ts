import { freeze, isObject } from '../runtime/object.ts'
import { type PresenceEntry, readEntry } from './presence-entry.ts'

/** One published change of a topic's hash. */
export type HashDiff = {
  /** Version of the hash before the change; 0 if there was no hash, because it had no presences. */
  readonly from: number
  /** Version after the change; 0 if there is no hash. */
  readonly to: number
  readonly joins: readonly PresenceEntry[]
  /** Removed fields of the hash. */
  readonly leaves: readonly string[]
}

/** Parse a message `[from, to, { field: [key, meta] }, [field]]`. @throws Error when the message has another form. */
export function readDiff(message: Uint8Array): HashDiff {
  const [from, to, joins, leaves]: unknown[] = JSON.parse(Buffer.from(message).toString(), freeze)
  const isRead = isVersion(from) && isVersion(to) && isObject(joins) && isFields(leaves)
  if (!isRead) throw new Error('a presence change must be [from, to, joins, leaves]')
  const entries = Object.entries(joins).map(([field, value]) => readEntry(field, value))
  return { from, to, joins: entries.filter((entry) => entry !== null), leaves }
}

/**
 * Returns true if a hash with this version includes the change already. Each change raises the version; removing the
 * hash resets the version to 0.
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
