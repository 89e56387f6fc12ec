import { encodeJson } from '../../protocol/json.ts'
import { shown } from '../../protocol/shown.ts'
import { UsageError } from '../errors.ts'
import { isObject } from '../runtime/object.ts'
import type { Entries } from './state.ts'

/**
 * Callback that returns fields to add to the entries in `presences`: `{ [key]: fields }`, or a promise of this object.
 */
export type Fetch = (topic: string, presences: Entries) => unknown

/** Result of `fetch`: for each presence key, an object of fields. */
export type Fields = { readonly [key: string]: unknown }

/** Check the result of `fetch`. @throws UsageError when the result is not an object whose values are objects. */
export function readFields(result: unknown): Fields {
  if (!isObject(result)) throw invalidFields(shown(result))
  for (const [key, fields] of Object.entries(result)) {
    if (!isObject(fields)) throw invalidFields(`${shown(fields)} for the key ${shown(key)}`)
  }
  return result
}

function invalidFields(given: string): UsageError {
  const legal = '{ [key]: { field: value } }'
  return new UsageError('PHX_ERR_RESULT', `\`fetch\` of a presence must return ${legal} (got ${given})`)
}

/**
 * Like `readFields`, but for fields that are sent. Returns a copy made from JSON, so that encoding a frame later runs
 * no code of the application, such as a getter. @throws ProtocolError when the fields cannot be encoded as JSON.
 */
export function readJsonFields(result: unknown): Fields {
  return readFields(JSON.parse(encodeJson(readFields(result))))
}

/**
 * Return `entries` with `fields`: each entry gets the fields of its key, beside `metas`. Fields of other keys are
 * ignored.
 */
export function withFields(entries: Entries, fields: Fields | null): Entries {
  if (fields === null) return entries
  const complete: Entries = Object.create(null)
  for (const [key, { metas }] of Object.entries(entries)) {
    // Use `Object.hasOwn`, because a key may be `__proto__` or `constructor`, which every object inherits.
    const added = Object.hasOwn(fields, key) ? fields[key] : null
    complete[key] = { ...Object(added), metas }
  }
  return complete
}
