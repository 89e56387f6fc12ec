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

// Values of labels come from closed sets: if a client could choose a value, each choice would be a time series.

/** Label of all values outside of the closed sets. */
export const OTHER = 'other'

/** Reasons of refused joins that have their own label without the option `joinReasons`. */
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

/** Label of a refused message: a reason of the server, or `other` for those of the application. */
export function messageReason(reason: unknown): string {
  return reason === UNMATCHED_EVENT || reason === INVALID_PAYLOAD ? reason : OTHER
}

/** Close codes that clients use (RFC 6455, section 7.4.1). */
const CLIENT_CODES: readonly (number | null)[] = [1000, 1001, 1005, 1006]

/** Label of a close code. The server uses few codes, but a client may send thousands of different ones. */
export function closeCode(code: number | null, by: 'client' | 'server'): string {
  if (code === null) return 'none'
  return by === 'server' || CLIENT_CODES.includes(code) ? String(code) : OTHER
}

/** Kind of a callback, such as `handleIn` of `handleIn.new_msg`: the event may be the client's choice. */
export function callbackKind(callback: string): string {
  return callback.split('.', 1)[0] ?? OTHER
}
