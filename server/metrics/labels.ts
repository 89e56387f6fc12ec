import {
  CANCELLED,
  INVALID_PARAMS,
  INVALID_PAYLOAD,
  JOIN_CRASHED,
  OVERLOADED,
  RATE_LIMITED,
  TOO_MANY_CHANNELS,
  UNMATCHED_EVENT,
  UNMATCHED_TOPIC,
} from '../../protocol/index.ts'

// Each label has a fixed set of values. If clients could choose values, each new value would create a time series.

/** Label value that replaces all values outside the fixed set of a label. */
export const OTHER = 'other'

/** Reasons of refused joins that are counted separately. The option `joinReasons` adds more reasons. */
export const joinReasons: readonly string[] = Object.freeze([
  INVALID_PARAMS,
  JOIN_CRASHED,
  TOO_MANY_CHANNELS,
  UNMATCHED_TOPIC,
  RATE_LIMITED,
  OVERLOADED,
  CANCELLED,
  'unauthorized',
])

/** Label for a refused message: one of the server's two reasons, or `other` for a reason of the application. */
export function messageReason(reason: unknown): string {
  return reason === UNMATCHED_EVENT || reason === INVALID_PAYLOAD ? reason : OTHER
}

/** Clients' close codes that are counted separately. 1005 means no code, and 1006 means a lost connection. */
const CLIENT_CODES: readonly (number | null)[] = [1000, 1001, 1005, 1006]

/** Label for a close code. Clients can send thousands of codes, so rare codes of clients share the label `other`. */
export function closeCode(code: number | null, by: 'client' | 'server'): string {
  if (code === null) return 'none'
  return by === 'server' || CLIENT_CODES.includes(code) ? String(code) : OTHER
}

/**
 * Kind of a callback, such as `handleIn` for `handleIn.new_msg`. The event name is removed, because a client can choose
 * any event name.
 */
export function callbackKind(callback: string): string {
  return callback.split('.', 1)[0] ?? OTHER
}
