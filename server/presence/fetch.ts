import { encodeJson } from '../../protocol/json.ts'
import { UsageError } from '../errors.ts'
import type { Entries } from './state.ts'

/** Adds fields to entries: `{ [key]: fields }` comes back, or a promise of it. */
export type Fetch = (topic: string, presences: Entries) => unknown

/** What a fetch has returned: for each key an object of fields. */
export type Fields = { readonly [key: string]: unknown }

/** Read what a fetch returned. @throws UsageError when it is no object of objects. */
export function readFields(result: unknown): Fields {
  if (isObject(result) && Object.values(result).every(isObject)) return result
  throw new UsageError(
    'PHX_ERR_RESULT',
    'fetch returned something else; it returns { [key]: { field: value } }',
  )
}

/** The same for fields that are to be sent. @throws also when JSON cannot write them. */
export function readJsonFields(result: unknown): Fields {
  const fields = readFields(result)
  encodeJson(fields)
  return fields
}

/** The entries with the fields that belong to them beside their metas; other keys are ignored. */
export function withFields(entries: Entries, fields: Fields | null): Entries {
  if (fields === null) return entries
  const complete: Entries = Object.create(null)
  for (const [key, { metas }] of Object.entries(entries)) {
    // Object.hasOwn, because a plain object has something under `__proto__` and `constructor`.
    const added = Object.hasOwn(fields, key) ? fields[key] : null
    complete[key] = { ...Object(added), metas }
  }
  return complete
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
