import { UsageError, wordsOf } from '../errors.ts'

/** An announced end with a word of its own: `shutdown('left')`. */
export type Shutdown = { readonly shutdown: unknown }

/**
 * Why a channel ended. `'normal'`, `'shutdown'` and a {@link Shutdown} are announced ends: the client
 * gets `phx_close`. Any other word, and the error of a crash, are `phx_error` (END-1, END-2).
 */
export type ExitReason = string | Shutdown | Error

/** An announced end with a reason, as OTP's `{:shutdown, reason}`. */
export function shutdown(reason: unknown): Shutdown {
  return Object.freeze({ shutdown: reason })
}

/** True if a channel that ends so has announced it, so that the client does not rejoin. */
export function isAnnounced(reason: unknown): boolean {
  return reason === 'normal' || reason === 'shutdown' || (isObject(reason) && 'shutdown' in reason)
}

/** A refusal: any JSON object, by custom with a `reason`. */
export type ErrorReply = { readonly error: object }
/** An answer with a status of the application's own. */
export type StatusReply = { readonly status: string; readonly payload: unknown }
/** An answer to a client's message. */
export type ReplyResult<R> = { readonly ok: R } | ErrorReply | StatusReply
/** The end of the channel, as its own wish. */
export type StopResult<R = never> = { readonly stop: ExitReason; readonly reply?: ReplyResult<R> }

/** A reply as status and response. */
export type Answer = { readonly status: string; readonly response: unknown }

/** Read `{ ok }`, `{ error }` or `{ status, payload }`; null if it is none of them. */
export function readReply(result: unknown): Answer | null {
  if (!isObject(result)) return null
  if ('ok' in result) return { status: 'ok', response: result['ok'] }
  if ('error' in result) return { status: 'error', response: result['error'] }
  if (typeof result['status'] === 'string')
    return { status: result['status'], response: result['payload'] ?? {} }
  return null
}

/** Read what a join returned. @throws UsageError when it is neither `{ ok }` nor `{ error }`. */
export function readJoin(result: unknown): Answer {
  const answer = readReply(result)
  if (answer?.status === 'ok' || answer?.status === 'error') return answer
  throw badResult('join', result)
}

/** Read `{ stop, reply? }`; null if it is none. */
export function readStop(result: unknown): { reason: ExitReason; reply: Answer | null } | null {
  if (!isObject(result) || !('stop' in result)) return null
  const reply = readReply(result['reply'])
  if (reply === null && result['reply'] !== undefined) return null
  return { reason: result['stop'] as ExitReason, reply }
}

/** The error for a callback that returned something else; it names the legal forms. */
export function badResult(callback: string, result: unknown): UsageError {
  const forms =
    callback === 'join'
      ? '{ ok: reply } or { error: reason }'
      : callback.startsWith('handleIn.')
        ? 'nothing, { ok: reply }, { error: reason }, { status, payload } or { stop: reason, reply? }'
        : callback === 'assigns'
          ? 'the assigns themselves'
          : 'nothing or { stop: reason }'
  return new UsageError('PHX_ERR_RESULT', `${callback} returned ${shown(result)}; it returns ${forms}`)
}

/** A text stands in quotes, so that it is not taken for a part of the sentence. */
function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : wordsOf(value)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
