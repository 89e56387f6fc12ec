import { CallError } from '../errors.ts'
import { MAX_DELAY_MS } from '../runtime/delay.ts'
import { adopt, isPromise } from '../runtime/promise.ts'

/** One call to a worker. A call settles once: with the answer, at the timeout, or at the end of the worker. */
export class Call {
  /**
   * Resolves with the worker's answer. Rejects with a `CallError` at the timeout or at the end of the worker, and with
   * a `UsageError` if the worker has no handler for this call. If the handler's reply is a promise that rejects,
   * `answer` rejects with the same error.
   */
  readonly answer: Promise<unknown>
  readonly #owner: string
  readonly #name: string
  readonly #timer: NodeJS.Timeout
  #resolve!: (value: unknown) => void
  #reject!: (error: unknown) => void

  constructor(owner: string, name: string, timeout: number) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#owner = owner
    this.#name = name
    this.#timer = setTimeout(late, Math.min(timeout, MAX_DELAY_MS), this, timeout)
  }

  /** Settle with the handler's answer. If the answer is a promise, the call settles together with the promise. */
  reply(value: unknown): void {
    if (!isPromise(value)) return this.#settle(this.#resolve, value)
    adopt(value).then(
      (answer) => this.#settle(this.#resolve, answer),
      (cause: unknown) => this.fail(cause),
    )
  }

  /** Reject the call, because the worker has ended for the reason `exit`. */
  end(exit: unknown): void {
    this.fail(new CallError(this.#owner, this.#name, { reason: 'ended', cause: exit }))
  }

  fail(error: unknown): void {
    this.#settle(this.#reject, error)
  }

  /** Reject the call, because the timeout has passed. */
  late(timeout: number): void {
    this.fail(new CallError(this.#owner, this.#name, { reason: 'timeout', timeout }))
  }

  #settle(how: (value: unknown) => void, value: unknown): void {
    clearTimeout(this.#timer)
    how(value)
  }
}

function late(call: Call, timeout: number): void {
  if (timeout !== Number.POSITIVE_INFINITY) call.late(timeout)
}
