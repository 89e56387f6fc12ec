import type { Presence } from '../presence/state.ts'
import { isObject } from '../runtime/object.ts'

/** One presence on a topic, stored as one field of a Redis hash. */
export type PresenceEntry = {
  /** Name of the hash field: `<incarnation>/<phx_ref>`. */
  readonly field: string
  /** Id under which a node wrote the presence. A node gets a new id when its lease has expired (see `Membership`). */
  readonly incarnation: string
  readonly presence: Presence
}

/**
 * Name of a presence's hash field. JSON escapes no character of the name, so Lua scripts can put it into JSON as it is.
 */
export function fieldOf(incarnation: string, ref: string): string {
  return `${incarnation}/${ref}`
}

export function incarnationOf(field: string): string {
  return field.slice(0, field.indexOf('/'))
}

/** Return the `phx_ref` in a field name `<incarnation>/<phx_ref>`. */
export function refOf(field: string): string {
  return field.slice(field.indexOf('/') + 1)
}

/** Value of a presence's hash field, as JSON. */
export function writePresence({ key, meta }: Presence): string {
  return JSON.stringify([key, meta])
}

/** Create an entry from the name and the parsed value of a hash field. Returns null if the value is malformed. */
export function readEntry(field: string, value: unknown): PresenceEntry | null {
  if (!Array.isArray(value)) return null
  const [key, meta]: unknown[] = value
  if (typeof key !== 'string' || !isMeta(meta) || meta.phx_ref !== refOf(field)) return null
  return { field, incarnation: incarnationOf(field), presence: { key, meta } }
}

function isMeta(value: unknown): value is Presence['meta'] {
  return isObject(value) && 'phx_ref' in value
}
