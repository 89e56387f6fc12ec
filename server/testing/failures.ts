import { type CallbackError, type ErrorCode, wordsOf } from '../errors.ts'
import { show } from './expected.ts'

/**
 * Thrown by `endpoint.connect` if the server refuses the connection. If a callback threw, `cause` is the thrown value.
 */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: ErrorCode = 'PHX_ERR_TEST_REFUSED'
  /**
   * Cause of the refusal: the failed check (`connect`, `query`, `params`, `vsn`, `id`, `expired` or `origin`), `crash` if
   * a callback threw, or the name of a limit.
   */
  readonly refused: string
  /** Error that `connect` returned, or a description of the problem. */
  readonly reason: unknown

  constructor(path: string, { refused, reason, error }: RefusedFields) {
    super(
      `the connection to ${path} was refused (cause: ${refused}): ${show(reason)}${thrown(error)}`,
      error === undefined ? {} : { cause: error },
    )
    this.refused = refused
    this.reason = reason
  }
}

/** Refusal of a client: `refused` and `reason` as in {@link Refused}, and the error if a callback threw one. */
export type RefusedFields = { readonly refused: string; readonly reason: unknown; readonly error?: unknown }

/** Error for a join whose reply has a status other than `ok`. If a callback threw, `cause` is the thrown value. */
export class JoinRefused extends Error {
  override readonly name = 'JoinRefused'
  readonly code: ErrorCode = 'PHX_ERR_TEST_REFUSED'
  readonly topic: string
  readonly status: string
  /** Value of `response` in the reply, such as `{ reason: 'unauthorized' }`. */
  readonly response: unknown

  constructor(topic: string, status: string, response: unknown, error: CallbackError | null = null) {
    super(
      `the join of ${topic} was answered "${status}": ${show(response)}${thrown(error?.cause)}`,
      error === null ? {} : { cause: error.cause },
    )
    this.topic = topic
    this.status = status
    this.response = response
  }
}

function thrown(error: unknown): string {
  return error === undefined ? '' : `, because a callback threw: ${wordsOf(error)}`
}

/** Error for a failed expectation of a test. */
export class ExpectationError extends Error {
  override readonly name = 'ExpectationError'
  readonly code: ErrorCode = 'PHX_ERR_TEST_EXPECTATION'
}

export type Called = (...args: never) => unknown

/**
 * Create a failure that has no message yet. Its stack begins at the line of the test that calls the method `called`.
 * Call `failureOf` before the first `await`, because after an `await` the stack no longer contains this line.
 */
export function failureOf(called: Called): ExpectationError {
  const error = new ExpectationError()
  Error.captureStackTrace(error, called)
  return error
}

/** Set the message of a failure and return the failure. */
export function told(failure: ExpectationError, message: string): ExpectationError {
  failure.message = message
  return movedTo(failure, failure)
}

/** Give `error` the stack of a failure, which begins at a line of the test. */
export function movedTo<E extends Error>({ stack = '' }: ExpectationError, error: E): E {
  const frames = stack.slice(stack.indexOf('\n    at '))
  error.stack = `${error.name}: ${error.message}${frames}`
  return error
}
