import { randomBytes } from 'node:crypto'
import { encodeJson } from '../../protocol/json.ts'
import { shown } from '../../protocol/shown.ts'
import { UsageError } from '../errors.ts'
import { freeze, isObject } from '../runtime/object.ts'
import type { Meta } from './state.ts'

/** Checks a meta against its schema. Returns null for a valid meta, otherwise the errors. */
export type CheckMeta = (
  value: unknown,
) => readonly { readonly path: string; readonly message: string }[] | null

/** Number of random bytes in a `phx_ref`. In base64url, a `phx_ref` has 16 characters, as in Phoenix. */
const REF_BYTES = 12

/**
 * Make a meta from `given`, a value of the application, with a new `phx_ref` (PRESENCE-3). The meta is a frozen JSON
 * copy of `given`, so that the application cannot change the meta later. @throws UsageError when the value is not a
 * JSON object or does not match the schema.
 */
export function makeMeta(given: unknown, check: CheckMeta | null, replaced: Meta | null): Meta {
  // Drop `phx_ref` and `phx_ref_prev`, which the application may have copied from the meta that it updates.
  const { phx_ref: _ref, phx_ref_prev: _prev, ...fields } = copy(given)
  const errors = check === null ? null : check(fields)
  if (errors !== null) {
    const wrong = errors.map(({ path, message }) => `${path || 'the meta'} ${message}`).join(', ')
    throw invalidMeta(`the meta does not match the schema \`presence\` of the contract: ${wrong}`)
  }
  const phx_ref = randomBytes(REF_BYTES).toString('base64url')
  return Object.freeze(
    replaced === null ? { ...fields, phx_ref } : { ...fields, phx_ref, phx_ref_prev: replaced.phx_ref },
  )
}

function copy(given: unknown): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(encodeJson(given), freeze)
  } catch (cause) {
    throw invalidMeta('the meta must be a value that can be encoded as JSON', { cause })
  }
  if (isObject(value) && !Array.isArray(value)) return value
  throw invalidMeta(`the meta must be an object (got ${shown(value === null ? given : value)})`)
}

function invalidMeta(message: string, options?: ErrorOptions): UsageError {
  return new UsageError('PHX_ERR_META', message, options)
}
