import { checkOption, object, positiveInteger } from '../../protocol/check.ts'
import { CallbackError } from '../errors.ts'
import {
  type AnyCalls,
  type CallArguments,
  type CallReply,
  defineWorker,
  type WorkerDefinition,
  workerDefinition,
} from '../supervisor/define-worker.ts'
import type { Exit } from '../supervisor/supervised.ts'
import { Worker } from '../supervisor/worker.ts'
import { Inbox } from './inbox.ts'
import { turn } from './turns.ts'

/** Options of `startWorker`. */
export type StartWorkerOptions = {
  /** Real milliseconds to wait for an expected event, even with fake timers. Default: 1,000. */
  readonly timeout?: number
}

const startOptions = object<StartWorkerOptions>({ timeout: positiveInteger })
const DEFAULT_TIMEOUT_MS = 1_000
const CALL_TIMEOUT_MS = 5_000
/**
 * Name of the call that `handled()` makes. The worker handles messages and calls in order. So when the worker answers
 * this call, all earlier messages are handled.
 */
const FENCE = 'handled()'

/**
 * Start a worker without a supervisor. After a crash, the worker is not restarted.
 * @throws UsageError when `definition` is not from `defineWorker`, and CallbackError when its `init` fails.
 */
export async function startWorker<Context, Calls = AnyCalls>(
  definition: WorkerDefinition<Context, Calls>,
  context: NoInfer<Context>,
  options: StartWorkerOptions = {},
): Promise<TestWorker<Calls>> {
  checkOption('startWorker: the worker', definition, workerDefinition)
  checkOption('startWorker: `options`', options, startOptions)
  const started = new TestWorker<Calls>(definition as WorkerDefinition, context, options.timeout)
  await started.start()
  return started
}

/** Worker that runs without a supervisor. `Calls` is the type of its `handleCall`. */
export class TestWorker<Calls = AnyCalls> {
  /** Names of messages that have no handler, in order. */
  readonly unhandled: string[]
  readonly #name: string
  readonly #worker: Worker
  readonly #exits: Inbox
  #state: unknown

  /** Internal. Called by `startWorker`. */
  constructor(definition: WorkerDefinition, context: unknown, timeout = DEFAULT_TIMEOUT_MS) {
    this.unhandled = []
    this.#name = definition.name
    this.#state = undefined
    const observer = { onCrash() {}, onUnhandled: (name: string) => void this.unhandled.push(name) }
    this.#worker = new Worker(this.#observed(definition), context, observer)
    const host = { timeout, settled: turn, notes: () => [], arrived() {} }
    this.#exits = new Inbox(`end of worker ${definition.name}`, host)
    void this.#worker.exited.then((exit) =>
      this.#exits.add(exit instanceof CallbackError ? CRASH : END, exit),
    )
  }

  /** State of the worker: the object that `init` returned and that handlers change. */
  get state(): unknown {
    return this.#state
  }

  /** Internal. Called by `startWorker`. @throws CallbackError when `init` fails. */
  async start(): Promise<void> {
    const exit = await this.#worker.start()
    if (exit instanceof Error) throw exit
  }

  /** Send a message, like `handle.send`. Returns false if the worker has ended. */
  send(name: string, value?: unknown): boolean {
    return this.#worker.send(name, value)
  }

  /** Call the worker, like `handle.call`. @throws CallError when the worker does not answer. */
  async call<N extends keyof Calls & string>(
    name: N,
    ...args: CallArguments<Calls[N]>
  ): Promise<CallReply<Calls[N]>> {
    const [value, { timeout = CALL_TIMEOUT_MS } = {}] = args
    // The cast is safe: the worker's handler for `name` returns a value of this type.
    return (await this.#worker.call(name, value, { owner: this.#name, timeout })) as CallReply<Calls[N]>
  }

  /** Wait until the messages sent so far are handled. @throws CallError when the worker ends first. */
  async handled(): Promise<void> {
    await this.#worker.call(FENCE, undefined, { owner: this.#name, timeout: Number.POSITIVE_INFINITY })
  }

  /**
   * Wait until the worker crashes. Resolves with the error, whose `cause` is the thrown value. @throws ExpectationError
   * when the worker does not crash in time.
   */
  async crashed(): Promise<CallbackError> {
    const failed = `worker ${this.#name} did not crash`
    return (await this.#exits.next({ event: CRASH, failed, from: this.crashed })) as CallbackError
  }

  /**
   * Wait until the worker ends without a crash. Resolves with the exit reason. @throws ExpectationError when the worker
   * crashes or does not end in time.
   */
  async ended(): Promise<Exit> {
    const failed = `worker ${this.#name} did not end without a crash`
    return (await this.#exits.next({ event: END, failed, from: this.ended })) as Exit
  }

  /**
   * Stop the worker when it has handled the messages sent so far. When `terminate` has run, resolves with the exit
   * reason.
   */
  async stop(): Promise<Exit> {
    this.#worker.stop()
    return this.#worker.exited
  }

  /** Wrap a definition, so that the test can read the worker's state. */
  #observed(definition: WorkerDefinition): WorkerDefinition {
    const { name, init, handleInfo, handleCall, terminate } = definition
    const calls = { ...Object.fromEntries(handleCall), [FENCE]: () => ({ reply: null }) }
    return defineWorker({
      name,
      init: async (context: unknown, worker) => {
        this.#state = await init(context, worker)
        return this.#state
      },
      handleInfo: Object.fromEntries(handleInfo) as never,
      handleCall: calls as never,
      ...(terminate !== null && { terminate: terminate as never }),
    }) as WorkerDefinition
  }
}

const CRASH = Symbol('the worker crashed')
const END = Symbol('the worker ended')
