import { checkOption, string } from '../../protocol/check.ts'
import { CallError } from '../errors.ts'
import type { Child, ChildInfo } from './child.ts'
import type { AnyCalls, CallArguments, CallReply } from './define-worker.ts'
import { callOptions } from './rules.ts'
import { Worker } from './worker.ts'

/** Function that stops a child and removes it from its supervisor. */
export type RemoveChild = (child: Child) => Promise<void>

/** Default timeout of a call, the same as in GenServer. */
const DEFAULT_TIMEOUT_MS = 5_000

/**
 * Handle of a supervisor's child, like a registered name in OTP: after a restart, the same handle reaches the new
 * instance. `Calls` is the type of the worker's `handleCall`.
 */
export class ChildHandle<Calls = AnyCalls> {
  readonly #child: Child
  readonly #remove: RemoveChild

  /** Only for the supervisor. Applications get handles from methods such as `startChild` and `whereis`. */
  constructor(child: Child, remove: RemoveChild) {
    this.#child = child
    this.#remove = remove
  }

  /** Id, unique among the children of the supervisor. */
  get id(): string {
    return this.#child.id
  }

  /** Id, status and number of restarts. */
  get info(): ChildInfo {
    return this.#child.info
  }

  /**
   * Send the worker a message for `handleInfo`, like `GenServer.cast/2`. Returns false, and drops the message,
   * if the child is not running or is a supervisor. @throws UsageError when the name is not a string.
   */
  send(name: string, value?: unknown): boolean {
    checkOption('the name of a message', name, string)
    const { instance } = this.#child
    return instance instanceof Worker && instance.send(name, value)
  }

  /**
   * Call the worker, like `GenServer.call/3`: `handleCall` answers after all earlier messages. `timeout` is in
   * milliseconds (default 5,000; `Infinity` for no timeout). Rejects with a `CallError` when the worker is not running,
   * ends before it answers or takes longer than `timeout`, and with a `UsageError` when the worker has no handler of
   * this name. A worker must not await a call to itself.
   */
  async call<N extends keyof Calls & string>(
    name: N,
    ...args: CallArguments<Calls[N]>
  ): Promise<CallReply<Calls[N]>> {
    checkOption('the name of a call', name, string)
    const [value, options = {}] = args
    checkOption('the third argument of call()', options, callOptions)
    const { timeout = DEFAULT_TIMEOUT_MS } = options
    const { id, instance } = this.#child
    if (!(instance instanceof Worker)) throw new CallError(id, name, { reason: 'not_running' })
    // The cast is safe: the reply comes from a handler, and `Calls` is the type of the handlers.
    return (await instance.call(name, value, { owner: id, timeout })) as CallReply<Calls[N]>
  }

  /**
   * Stop the child and remove it from its supervisor, like `DynamicSupervisor.terminate_child/2`. Resolves when the
   * child has ended. To end itself, a worker must return `{ stop: 'normal' }` instead of awaiting this method.
   */
  stop(): Promise<void> {
    return this.#remove(this.#child)
  }
}
