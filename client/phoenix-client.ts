import { anything, callback, nonNegative, object, rule, string } from '../protocol/check.ts'
import { isPlainObject } from '../protocol/shown.ts'

/** Status of the reply to a push, or `timeout` if no reply arrived in time. */
export type Status = 'ok' | 'error' | 'timeout'
/** Method of phoenix.js' `Push` that this package calls. */
export type PhoenixPush = { receive(status: Status, hook: (response: unknown) => void): unknown }

/** Members of phoenix.js' `Channel` that this package uses. All versions from 1.3 to 1.8 have these members. */
export type PhoenixChannel = {
  readonly state: string
  join(): PhoenixPush
  leave(): PhoenixPush
  push(event: string, payload: object, timeout?: number): PhoenixPush
  /** Returns a ref for `off`. Version 1.3 of phoenix.js returns nothing. */
  on(event: string, callback: (payload: unknown) => void): number
  off(event: string, ref: number): void
}

/** Methods of phoenix.js' `Socket` that this package calls. */
export type PhoenixSocket<P extends PhoenixChannel> = {
  channel(topic: string, params?: object): P
  onOpen?(callback: () => void): unknown
}

/** Rule for a channel or socket of phoenix.js. */
export const phoenixTarget = rule(
  'a Socket or a channel of phoenix.js',
  (value) => isChannel(value) || isSocket(value),
)
export const phoenixSocket = rule('a Socket of phoenix.js', isSocket)
export const joinParams = rule(
  'a plain object, or a function that returns one',
  (value) => isPlainObject(value) || callback(value) === null,
)

/** Rule for the arguments of `recoverable`. A saved cursor is not checked: the server ignores a malformed cursor. */
export const recoverableArguments = object<Record<'socket' | 'topic' | 'params' | 'options', unknown>>(
  {
    socket: phoenixSocket,
    topic: string,
    params: joinParams,
    options: object({ onGap: callback, last: nonNegative, since: anything }),
  },
  ['socket', 'topic'],
)

/** Returns true if a value has all methods of a phoenix.js channel that this package calls. */
export function isChannel(value: unknown): boolean {
  return ['join', 'leave', 'push', 'on', 'off'].every((name) => typeof Object(value)[name] === 'function')
}

function isSocket(value: unknown): boolean {
  return typeof Object(value).channel === 'function'
}
