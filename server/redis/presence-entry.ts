import type { Presence } from '../presence/state.ts'

/** One presence in Redis: a field of its topic's hash. */
export type Entry = {
  /** The incarnation of the node that wrote it, and its reference. */
  readonly field: string
  readonly incarnation: string
  readonly presence: Presence
}

/** The field of a presence; both parts are base64url and what `Membership` adds, so it needs no escapes. */
export function fieldOf(incarnation: string, ref: string): string {
  return `${incarnation}/${ref}`
}

/** The incarnation that a field belongs to. */
export function incarnationOf(field: string): string {
  return field.slice(0, field.indexOf('/'))
}

/** The reference of the presence in a field. */
export function refOf(field: string): string {
  return field.slice(field.indexOf('/') + 1)
}

/** The value of a presence's field, JSON. */
export function writePresence({ key, meta }: Presence): string {
  return JSON.stringify([key, meta])
}

/** An entry of a field and what its JSON holds; null if it is not one of ours. Not to be changed afterwards. */
export function readEntry(field: string, value: unknown): Entry | null {
  if (!Array.isArray(value)) return null
  const [key, meta]: unknown[] = value
  if (typeof key !== 'string' || !isMeta(meta) || meta.phx_ref !== refOf(field)) return null
  return { field, incarnation: incarnationOf(field), presence: { key, meta } }
}

/** A reviver: what comes from other nodes is frozen, as what is tracked here is (PRESENCE-3). */
export function freeze(_key: string, value: unknown): unknown {
  return Object.freeze(value)
}

function isMeta(value: unknown): value is Presence['meta'] {
  return typeof value === 'object' && value !== null && 'phx_ref' in value
}
