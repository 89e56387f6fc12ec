import { validateHeaderName, validateHeaderValue } from 'node:http'
import { UsageError, wordsOf } from '../errors.ts'
import { disown } from '../runtime/promise.ts'
import type { RefusalResponse } from './mount.ts'

/** Maximum size of a close frame's reason, in bytes (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123

/**
 * Check the result of a mount's `refuse`. @throws UsageError with `PHX_ERR_RESULT` when the result is not a valid
 * response, or Node's TypeError when a header is invalid.
 */
export function readRefusal(result: unknown): RefusalResponse {
  disown(result)
  const { close, reason, status, headers = {}, body } = Object(result)
  if (close !== undefined) {
    if (isCloseCode(close) && (reason === undefined || isReason(reason))) return { close, reason }
  } else if (isStatus(status) && (body === undefined || isText(body))) {
    return { status, headers: readHeaders(headers), body }
  }
  const given = wordsOf(result)
  throw new UsageError(
    'PHX_ERR_RESULT',
    '`refuse` must return { status: 200 to 599, headers?, body?: string } or ' +
      '{ close: 1000 to 1003, 1007 to 1014 or 3000 to 4999, ' +
      `reason?: string of at most ${MAX_REASON_BYTES} bytes } (got ${given})`,
  )
}

function readHeaders(headers: unknown): Record<string, string> {
  const read = Object.entries(Object(headers)).map(([name, value]) => {
    validateHeaderName(name)
    validateHeaderValue(name, value as string)
    return [name, String(value)]
  })
  return Object.fromEntries(read)
}

function isStatus(status: unknown): boolean {
  return Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599
}

/** Whether a close frame is allowed to contain this code (RFC 6455, section 7.4). */
export function isCloseCode(code: unknown): boolean {
  if (!Number.isInteger(code)) return false
  const n = Number(code)
  return (n >= 3_000 && n <= 4_999) || (n >= 1_000 && n <= 1_014 && ![1_004, 1_005, 1_006].includes(n))
}

function isReason(reason: unknown): boolean {
  return isText(reason) && Buffer.byteLength(reason) <= MAX_REASON_BYTES
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}
