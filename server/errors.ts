import { inspect } from 'node:util'
import { check, rule } from '../protocol/check.ts'

export { UsageError } from '../protocol/errors.ts'

/** Codes of the server's errors, with their meanings. `docs/errors.md` describes how to solve each error. */
export const errorCodes = Object.freeze({
  PHX_ERR_DEFINITION: 'the definition of a contract, channel, socket, presence or worker is invalid',
  PHX_ERR_OPTION: 'an option or an argument is invalid',
  PHX_ERR_PLUGIN_ORDER: 'plugins are registered in the wrong order',
  PHX_ERR_PLUGIN_TWICE:
    '`phoenix` is registered twice in one scope, or another plugin has added the decorator `endpoint`',
  PHX_ERR_NO_ENDPOINT: 'a function got no endpoint, for example because the plugin is not loaded yet',
  PHX_ERR_WS_VERSION: 'the installed version of ws has no protection against floods of pings and fragments',
  PHX_ERR_NOT_JOINED: 'a channel was used before its join was answered',
  PHX_ERR_NO_REF: '`ref()` was called while no client message was being handled',
  PHX_ERR_RESULT: 'the result of a callback, or the argument of `reply()`, is invalid',
  PHX_ERR_META: 'a presence key or a presence meta is invalid',
  PHX_ERR_CALLBACK: 'a callback of the application threw',
  PHX_ERR_ENGINE: 'the engine that connects the nodes is unavailable or does not answer',
  PHX_ERR_HISTORY_UNKNOWN: 'it is unknown whether a topic has a history',
  PHX_ERR_KEY_REUSED:
    'the key of a broadcast was already used on the same topic for another event or payload',
  PHX_ERR_CALL: 'a call to a worker was not answered',
  PHX_ERR_RESTARTS: 'children had to be restarted more often than their supervisor allows',
  PHX_ERR_TEST_REFUSED: 'a connection or a join of a test was refused',
  PHX_ERR_TEST_EXPECTATION:
    'an expectation of a test was not met, for example because a message did not arrive',
})

/** Code of a server error, e.g. `PHX_ERR_OPTION`. {@link errorCodes} has the meanings. */
export type ErrorCode = keyof typeof errorCodes

/** The engine could not do an operation, for example because Redis is unavailable. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode = 'PHX_ERR_ENGINE'
}

/** The key of a broadcast was already used on the same topic, for another event or payload (RECOVERY-13). */
export class KeyReusedError extends Error {
  override readonly name = 'KeyReusedError'
  readonly code: ErrorCode = 'PHX_ERR_KEY_REUSED'

  constructor(topic: string) {
    super(`the key was already used on ${wordsOf(topic)} for a broadcast with another event or payload`)
  }
}

/** Thrown by `Emitter.publish` if it is unknown whether the topic has a history. The broadcast was not sent. */
export class HistoryUnknownError extends Error {
  override readonly name = 'HistoryUnknownError'
  readonly code: ErrorCode = 'PHX_ERR_HISTORY_UNKNOWN'

  constructor(topic: string, why: string) {
    super(`it is unknown whether ${wordsOf(topic)} has a history: ${why}`)
  }
}

/**
 * Details of a {@link CallError}. `timeout` is in milliseconds. If `reason` is `ended`, `cause` is the exit of the
 * worker: the error of a crash, or another exit, such as `killed`.
 */
export type CallFailure = {
  readonly reason: 'timeout' | 'not_running' | 'ended'
  readonly timeout?: number
  readonly cause?: unknown
}

/** A call to a worker was not answered. If the worker crashed, `cause` is the error of the crash. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: ErrorCode = 'PHX_ERR_CALL'
  /** The worker took too long, was not running, or ended before it answered. */
  readonly reason: 'timeout' | 'not_running' | 'ended'

  constructor(owner: string, call: string, { reason, timeout, cause }: CallFailure) {
    const why = {
      timeout: `did not answer within ${timeout} ms`,
      not_running: 'is not a running worker',
      ended: 'ended first',
    }
    super(`call "${call}" was not answered: child "${owner}" ${why[reason]}`, { cause })
    this.reason = reason
  }
}

/** A callback of the application failed, or a supervisor gave up. `cause` is the thrown value or the error. */
export class CallbackError extends Error {
  override readonly name = 'CallbackError'
  readonly code: ErrorCode
  /** Owner of the callback, such as a topic pattern, the path of a mount, or the name of a worker. */
  readonly owner: string
  /** Name of the callback, such as `handleIn.new_msg`. */
  readonly callback: string

  constructor(owner: string, callback: string, cause: unknown, code: ErrorCode = 'PHX_ERR_CALLBACK') {
    super(`${owner}: ${callback} failed: ${wordsOf(cause)}`, { cause })
    this.code = code
    this.owner = owner
    this.callback = callback
  }
}

/** Details of the log line for a failed callback. */
export function logDetails({ cause, code, owner, callback }: CallbackError): object {
  return { err: cause, code, owner, callback }
}

/**
 * Check that `given`, an argument of `call`, is an endpoint. Until the plugin is loaded, `app.endpoint` is undefined.
 * @throws UsageError with `PHX_ERR_NO_ENDPOINT`. The message names the call.
 */
export function checkEndpoint<T>(
  call: string,
  given: unknown,
  accepts: (value: unknown) => value is T,
): asserts given is T {
  check({ code: 'PHX_ERR_NO_ENDPOINT', owner: `${call}: the endpoint`, rule: rule(ENDPOINT, accepts) }, given)
}

const ENDPOINT = '`app.endpoint`, set by `await app.register(phoenix, …)`'

/** Describe a value: an error by its message, a string as it is, any other value with `inspect`. Never throws. */
export function wordsOf(value: unknown): string {
  try {
    if (value instanceof Error) return String(value.message)
    if (typeof value === 'string') return value
    return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, customInspect: false })
  } catch {
    return `[${typeof value} that cannot be shown]`
  }
}
