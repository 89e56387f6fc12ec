import type { Presence } from '../presence/state.ts'
import { isObject } from '../runtime/object.ts'

/** One presence as a field of its topic's hash. */
export type PresenceEntry = {
  /** `<incarnation of the node>/<reference of the presence>`. */
  readonly field: string
  readonly incarnation: string
  readonly presence: Presence
}

/** Field of a presence. JSON escapes no character of either part, so scripts can put the field into JSON as is. */
export function fieldOf(incarnation: string, ref: string): string {
  return `${incarnation}/${ref}`
}

/** Incarnation in a field. */
export function incarnationOf(field: string): string {
  return field.slice(0, field.indexOf('/'))
}

/** Reference of the presence in a field. */
export function refOf(field: string): string {
  return field.slice(field.indexOf('/') + 1)
}

/** Value of a presence's field, as JSON. */
export function writePresence({ key, meta }: Presence): string {
  return JSON.stringify([key, meta])
}

/** Create an entry from a field and its parsed value. Returns null if the value has another form. */
export function readEntry(field: string, value: unknown): PresenceEntry | null {
  if (!Array.isArray(value)) return null
  const [key, meta]: unknown[] = value
  if (typeof key !== 'string' || !isMeta(meta) || meta.phx_ref !== refOf(field)) return null
  return { field, incarnation: incarnationOf(field), presence: { key, meta } }
}

function isMeta(value: unknown): value is Presence['meta'] {
  return isObject(value) && 'phx_ref' in value
}
