import { anything, callback, nonNegative, object, rule, string } from '../protocol/check.ts'
import { isPlainObject } from '../protocol/shown.ts'

/** The status of a push. */
export type Status = 'ok' | 'error' | 'timeout'
/** The part of phoenix.js' `Push` that is used. */
export type PhoenixPush = { receive(status: Status, hook: (response: unknown) => void): unknown }

/** The part of phoenix.js' `Channel` that is used; every version from 1.3 to 1.8 has it. */
export type PhoenixChannel = {
  readonly state: string
  join(): PhoenixPush
  leave(): PhoenixPush
  push(event: string, payload: object, timeout?: number): PhoenixPush
  /** Version 1.3 returns nothing. */
  on(event: string, callback: (payload: unknown) => void): number
  off(event: string, ref: number): void
}

/** The part of phoenix.js' `Socket` that makes channels. */
export type PhoenixSocket<P extends PhoenixChannel> = { channel(topic: string, params?: object): P }

/** What a typed channel is made of. */
export const phoenixTarget = rule(
  'one of the client phoenix, such as socket.channel(topic), or its socket with a topic',
  (value) => isChannel(value) || isSocket(value),
)
/** What makes channels. */
export const phoenixSocket = rule('one of the client phoenix', isSocket)
/** What a client sends with its join. */
export const joinParams = rule(
  'an object, or a function that returns one',
  (value) => isPlainObject(value) || callback(value) === null,
)

/** The arguments of `recoverable`. A saved cursor may be anything: the server takes one that it cannot read for none. */
export const recoverableArguments = object<Record<'socket' | 'topic' | 'params' | 'options', unknown>>(
  {
    socket: phoenixSocket,
    topic: string,
    params: joinParams,
    options: object({ onGap: callback, last: nonNegative, since: anything }),
  },
  ['socket', 'topic'],
)

/** Whether it has what is used of a channel of phoenix.js. */
export function isChannel(value: unknown): boolean {
  return ['join', 'leave', 'push', 'on', 'off'].every((name) => typeof Object(value)[name] === 'function')
}

function isSocket(value: unknown): boolean {
  return typeof Object(value).channel === 'function'
}
