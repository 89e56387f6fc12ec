import { type Entry, freeze, readEntry } from './presence-entry.ts'

/** One change of a topic's hash, as its script publishes it. */
export type Diff = {
  /** The hash's version before and after it; 0 is a hash without presences, which does not exist. */
  readonly from: number
  readonly to: number
  readonly joins: readonly Entry[]
  /** Fields. */
  readonly leaves: readonly string[]
}

/** Read `[from, to, { field: [key, meta] }, [field]]`. @throws Error when it is something else. */
export function readDiff(message: Uint8Array): Diff {
  const [from, to, joins, leaves]: unknown[] = JSON.parse(Buffer.from(message).toString(), freeze)
  const isRead = isVersion(from) && isVersion(to) && isRecord(joins) && isFields(leaves)
  if (!isRead) throw new Error('not a change of presences')
  const entries = Object.entries(joins).map(([field, value]) => readEntry(field, value))
  return { from, to, joins: entries.filter((entry) => entry !== null), leaves }
}

/** It is part of a hash that was read at this version: versions only rise, but for 0, which anything follows. */
export function isPast({ from, to }: Diff, version: number): boolean {
  return from !== version && Math.max(from, to) <= version
}

function isVersion(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isFields(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((field) => typeof field === 'string')
}
