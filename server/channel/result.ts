import { UsageError, wordsOf } from '../errors.ts'
import { isObject } from '../runtime/object.ts'

/** Reason for ending a channel without an error, e.g. `shutdown('left')`. */
export type Shutdown = { readonly shutdown: unknown }

/**
 * Reason for the end of a channel. If a callback stops its channel with `'normal'`, `'shutdown'` or a {@link Shutdown},
 * the client gets `phx_close`. With any other string or an error, the client gets `phx_error` (END-1, END-2).
 */
export type ExitReason = string | Shutdown | Error

/** Create a reason for ending a channel without an error, like `{:shutdown, reason}` in OTP. */
export function shutdown(reason: unknown): Shutdown {
  return Object.freeze({ shutdown: reason })
}

/** Returns true if a client gets `phx_close` for this stop reason, so that the client does not rejoin. */
export function isAnnounced(reason: unknown): boolean {
  return reason === 'normal' || reason === 'shutdown' || (isObject(reason) && 'shutdown' in reason)
}

/** Error reply. `error` is any JSON object, usually with a `reason`. */
export type ErrorReply = { readonly error: object }
/** A reply whose status is chosen by the application. */
export type StatusReply = { readonly status: string; readonly payload: unknown }
/** Reply to a client's message. */
export type ReplyResult<R> = { readonly ok: R } | ErrorReply | StatusReply
/** Result of a callback that ends its channel. */
export type StopResult<R = never> = { readonly stop: ExitReason; readonly reply?: ReplyResult<R> }

/** Normalized reply: status and response. */
export type Answer = { readonly status: string; readonly response: unknown }

/** Read `{ ok }`, `{ error }` or `{ status, payload }`. Returns null for any other value. */
export function readReply(result: unknown): Answer | null {
  if (!isObject(result)) return null
  if ('ok' in result) return result['error'] === undefined ? { status: 'ok', response: result['ok'] } : null
  if ('error' in result) return { status: 'error', response: result['error'] }
  if (typeof result['status'] === 'string')
    return { status: result['status'], response: result['payload'] ?? {} }
  return null
}

/** Read the result of `join`. @throws UsageError unless the result is a reply with the status `ok` or `error`. */
export function readJoin(result: unknown): Answer {
  const answer = readReply(result)
  if (answer?.status === 'ok' || answer?.status === 'error') return answer
  throw badResult('join', result)
}

/** Read `{ stop, reply? }`. Returns null for anything else. */
export function readStop(result: unknown): { reason: ExitReason; reply: Answer | null } | null {
  if (!isObject(result) || !('stop' in result)) return null
  const reply = readReply(result['reply'])
  if (reply === null && result['reply'] !== undefined) return null
  return { reason: result['stop'] as ExitReason, reply }
}

/** Error for an invalid argument of `reply`. The message lists the valid forms. */
export function badReply(result: unknown): UsageError {
  const forms = '{ ok: reply }, { error: reason } or { status: string, payload }'
  return new UsageError(
    'PHX_ERR_RESULT',
    `reply(ref, result): \`result\` must be ${forms} (got ${quoted(result)})`,
  )
}

/** Error for an invalid result of a callback. The message lists the valid forms. */
export function badResult(callback: string, result: unknown): UsageError {
  const forms =
    callback === 'join'
      ? '{ ok: reply } or { error: reason }'
      : callback.startsWith('handleIn.')
        ? 'undefined, { ok: reply }, { error: reason }, { status: string, payload } or { stop: reason, reply? }'
        : callback === 'assigns'
          ? 'a value, not a promise'
          : callback === 'authorize'
            ? 'true or false'
            : 'undefined or { stop: reason }'
  return new UsageError('PHX_ERR_RESULT', `${callback} must return ${forms} (got ${quoted(result)})`)
}

/** Description of a value, with strings in quotes. */
function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : wordsOf(value)
}
