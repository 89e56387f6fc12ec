import { randomBytes } from 'node:crypto'
import { encodeJson } from '../../protocol/json.ts'
import { UsageError } from '../errors.ts'
import type { Meta } from './state.ts'

/** Returns null if the value fits, else what is wrong with it. */
export type CheckMeta = (
  value: unknown,
) => readonly { readonly path: string; readonly message: string }[] | null

/** 12 bytes are 16 characters, as many as Phoenix's references have. */
const REF_BYTES = 12

/**
 * Make a meta of what the application gave: a frozen copy in JSON, so that nothing but an update changes
 * it, with a new reference (PRESENCE-3). @throws UsageError when it is no JSON object or does not fit.
 */
export function makeMeta(given: unknown, check: CheckMeta | null, replaced: Meta | null): Meta {
  // An update may begin with the old meta, whose references are not the application's.
  const { phx_ref: _ref, phx_ref_prev: _prev, ...fields } = copy(given)
  const errors = check === null ? null : check(fields)
  if (errors !== null) {
    const wrong = errors.map(({ path, message }) => `${path} ${message}`.trim()).join(', ')
    throw refused(`the meta does not fit the contract: ${wrong}`)
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
    throw refused('the meta cannot be written as JSON', { cause })
  }
  if (isRecord(value)) return value
  throw refused(`a meta is an object, not ${value === null ? String(given) : JSON.stringify(value)}`)
}

function freeze(_key: string, value: unknown): unknown {
  return Object.freeze(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(message: string, options?: ErrorOptions): UsageError {
  return new UsageError('PHX_ERR_META', message, options)
}
