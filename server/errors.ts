import { inspect } from 'node:util'
import { check, rule } from '../protocol/check.ts'

export { UsageError } from '../protocol/errors.ts'

/** Every code that the server's errors carry, with what it means; `docs/errors.md` says what to do. */
export const errorCodes = Object.freeze({
  PHX_ERR_DEFINITION: 'a channel, socket, presence or worker is defined wrongly',
  PHX_ERR_OPTION: 'an option has an illegal value',
  PHX_ERR_PLUGIN_ORDER: 'plugins are registered in an order that cannot work',
  PHX_ERR_PLUGIN_TWICE: 'the plugin is registered twice in one scope',
  PHX_ERR_NO_ENDPOINT: 'a call was given no endpoint, as when the plugin is not loaded yet',
  PHX_ERR_WS_VERSION: 'the installed version of ws does not withstand floods',
  PHX_ERR_NOT_JOINED: 'a channel was used before its join was answered',
  PHX_ERR_NO_REF: 'there is no client message to take a reference of',
  PHX_ERR_RESULT: 'a callback returned something that is not a result',
  PHX_ERR_META: 'a presence was given a meta that its contract does not allow',
  PHX_ERR_CALLBACK: 'a callback of the application threw',
  PHX_ERR_ENGINE: 'what connects the nodes is away, or does not answer',
  PHX_ERR_KEY_REUSED: 'a broadcast was published under the key of another one',
  PHX_ERR_CALL: 'a call to a worker was not answered',
  PHX_ERR_RESTARTS: 'a supervised child crashed more often than its supervisor allows',
})

/** One of the keys of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes

/** What connects the nodes cannot be reached, or did not answer in time. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: ErrorCode = 'PHX_ERR_ENGINE'
}

/** A key stands for another event or payload on its topic already (RECOVERY-13). */
export class KeyReusedError extends Error {
  override readonly name = 'KeyReusedError'
  readonly code: ErrorCode = 'PHX_ERR_KEY_REUSED'

  constructor(topic: string) {
    super(`the key of a broadcast on ${wordsOf(topic)} was used for another event or payload`)
  }
}

/** Details of a {@link CallError}: `timeout` in ms, `cause` the reason why the worker ended. */
type CallFailure = {
  readonly reason: 'timeout' | 'not_running' | 'ended'
  readonly timeout?: number
  readonly cause?: unknown
}

/** A call to a worker was not answered; if the worker crashed meanwhile, `cause` is its error. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: ErrorCode = 'PHX_ERR_CALL'
  /** It took too long, was not running, or ended before it answered. */
  readonly reason: 'timeout' | 'not_running' | 'ended'

  constructor(owner: string, call: string, { reason, timeout, cause }: CallFailure) {
    const why = { timeout: `took longer than ${timeout} ms`, not_running: 'is not running', ended: 'ended' }
    super(`call "${call}" was not answered: ${owner} ${why[reason]}`, { cause })
    this.reason = reason
  }
}

/** A callback of the application failed; `cause` is what it threw. */
export class CallbackError extends Error {
  override readonly name = 'CallbackError'
  readonly code: ErrorCode
  /** Whose callback: a topic pattern, or the name of a worker or a mount. */
  readonly owner: string
  /** Which one, e.g. `handleIn.new_msg`. */
  readonly callback: string

  constructor(owner: string, callback: string, cause: unknown, code: ErrorCode = 'PHX_ERR_CALLBACK') {
    super(`${owner}: ${callback} failed: ${wordsOf(cause)}`, { cause })
    this.code = code
    this.owner = owner
    this.callback = callback
  }
}

/**
 * Check what a call is given as an endpoint. Until the plugin is loaded, `app.endpoint` is undefined.
 * @throws UsageError with `PHX_ERR_NO_ENDPOINT` that names the call.
 */
export function checkEndpoint(call: string, given: unknown, accepts: (value: unknown) => boolean): void {
  check({ code: 'PHX_ERR_NO_ENDPOINT', owner: call, rule: rule(ENDPOINT, accepts) }, given)
}

const ENDPOINT = 'given an endpoint, which `app.endpoint` is after `await app.register(phoenix, …)`'

/** An error's message, or any other value as Node shows it, on one line. Never throws, whatever it is given. */
export function wordsOf(value: unknown): string {
  try {
    if (value instanceof Error) return String(value.message)
    if (typeof value === 'string') return value
    return inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY, customInspect: false })
  } catch {
    return `a value that cannot be shown (${typeof value})`
  }
}
