import { checkOption, string } from '../../protocol/check.ts'
import { CallError } from '../errors.ts'
import type { Child, ChildInfo } from './child.ts'
import type { AnyCalls, CallArguments, CallReply } from './define-worker.ts'
import { callOptions } from './rules.ts'
import { Worker } from './worker.ts'

/** Ends a child for good, for its handle. */
export type RemoveChild = (child: Child) => Promise<void>

/** GenServer's time limit of a call. */
const DEFAULT_TIMEOUT_MS = 5_000

/**
 * A child of a supervisor, to be reached from outside. It stands for the child's place, as a registered
 * name does in OTP: after a restart it reaches the new instance. `Calls` is the worker's `handleCall`.
 */
export class ChildHandle<Calls = AnyCalls> {
  readonly #child: Child
  readonly #remove: RemoveChild

  /** Made by `startChild`, `whereis` and `restartChild`. */
  constructor(child: Child, remove: RemoveChild) {
    this.#child = child
    this.#remove = remove
  }

  /** Unique among the children of the supervisor. */
  get id(): string {
    return this.#child.id
  }

  /** The child as an operator sees it: its status, and how often it was restarted. */
  get info(): ChildInfo {
    return this.#child.info
  }

  /**
   * Send the worker a message, which its `handleInfo` handles after those before it, as `GenServer.cast/2`.
   * False if it is not running, or is a supervisor: the message is dropped then.
   */
  send(name: string, value?: unknown): boolean {
    checkOption('the name of a message', name, string)
    const { instance } = this.#child
    return instance instanceof Worker && instance.send(name, value)
  }

  /**
   * Ask the worker, whose `handleCall` answers after the messages before this one, as `GenServer.call/3`.
   * `timeout` is in ms, default 5000; `Infinity` for none. Rejects with a `CallError` when the worker is not
   * running, ends first or takes longer, and with a `UsageError` when it has no such handler. A worker must
   * not wait for a call to itself.
   */
  async call<N extends keyof Calls & string>(
    name: N,
    ...args: CallArguments<Calls[N]>
  ): Promise<CallReply<Calls[N]>> {
    checkOption('the name of a call', name, string)
    const [value, options = {}] = args
    checkOption('the options of a call', options, callOptions)
    const { timeout = DEFAULT_TIMEOUT_MS } = options
    const { id, instance } = this.#child
    if (!(instance instanceof Worker)) throw new CallError(id, name, { reason: 'not_running' })
    // The definition's handler says what it replies with; `Calls` is its type.
    return (await instance.call(name, value, { owner: id, timeout })) as CallReply<Calls[N]>
  }

  /**
   * End the child and have its supervisor forget it, as `DynamicSupervisor.terminate_child/2`. Resolves when
   * it has ended. A worker ends itself by returning `{ stop: 'normal' }`; it must not wait for this.
   */
  stop(): Promise<void> {
    return this.#remove(this.#child)
  }
}
