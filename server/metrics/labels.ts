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

// Values of labels come from closed sets: one that a client can choose would be a time series for each choice.

/** Stands for every value that is in no set. */
export const OTHER = 'other'

/** The reasons of refused joins that are told apart without asking the application for its own. */
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

/** The label of a message's refusal: the server's own reasons; those of the application are its own to count. */
export function messageReason(reason: unknown): string {
  return reason === UNMATCHED_EVENT || reason === INVALID_PAYLOAD ? reason : OTHER
}

/** What the closes of clients are told apart by: RFC 6455, section 7.4.1, as far as clients use it. */
const CLIENT_CODES: readonly (number | null)[] = [1000, 1001, 1005, 1006]

/** The label of a close code: the server's are few, a client may choose among thousands. */
export function closeCode(code: number | null, by: 'client' | 'server'): string {
  if (code === null) return 'none'
  return by === 'server' || CLIENT_CODES.includes(code) ? String(code) : OTHER
}

/** The kind of a callback: `handleIn` of `handleIn.new_msg`, whose end may be a client's word. */
export function callbackKind(callback: string): string {
  return callback.split('.', 1)[0] ?? OTHER
}
