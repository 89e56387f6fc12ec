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

/** How a worker of a test is started. */
export type StartWorkerOptions = {
  /** Real milliseconds that something expected may take, also with fake timers. Default: 1,000. */
  readonly timeout?: number
}

const startOptions = object<StartWorkerOptions>({ timeout: positiveInteger })
const DEFAULT_TIMEOUT_MS = 1_000
const CALL_TIMEOUT_MS = 5_000
/** A call that is answered when the messages before it are handled; no application has the name. */
const FENCE = 'fastify-phoenix: all handled'

/**
 * Start a worker alone, without a supervisor: it is not restarted.
 * @throws UsageError when `definition` is not of `defineWorker`, and CallbackError when its `init` fails.
 */
export async function startWorker<Context, Calls = AnyCalls>(
  definition: WorkerDefinition<Context, Calls>,
  context: NoInfer<Context>,
  options: StartWorkerOptions = {},
): Promise<TestWorker<Calls>> {
  checkOption('startWorker: the worker', definition, workerDefinition)
  checkOption('startWorker: the options', options, startOptions)
  const started = new TestWorker<Calls>(definition as WorkerDefinition, context, options.timeout)
  await started.start()
  return started
}

/** A worker that runs alone. `Calls` is its `handleCall`. */
export class TestWorker<Calls = AnyCalls> {
  /** Names of messages that have no handler, in order. */
  readonly unhandled: string[]
  readonly #name: string
  readonly #worker: Worker
  readonly #exits: Inbox
  #state: unknown

  /** For `startWorker`. */
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

  /** The state: the object that `init` returned and handlers change. */
  get state(): unknown {
    return this.#state
  }

  /** For `startWorker`. @throws CallbackError when `init` fails. */
  async start(): Promise<void> {
    const exit = await this.#worker.start()
    if (exit instanceof Error) throw exit
  }

  /** Send a message, as `handle.send`; false once the worker has ended. */
  send(name: string, value?: unknown): boolean {
    return this.#worker.send(name, value)
  }

  /** Ask the worker, as `handle.call`. @throws CallError when it is not answered. */
  async call<N extends keyof Calls & string>(
    name: N,
    ...args: CallArguments<Calls[N]>
  ): Promise<CallReply<Calls[N]>> {
    const [value, { timeout = CALL_TIMEOUT_MS } = {}] = args
    // The definition's handler says what it replies with; `Calls` is its type.
    return (await this.#worker.call(name, value, { owner: this.#name, timeout })) as CallReply<Calls[N]>
  }

  /** Resolves when the messages sent so far are handled. @throws CallError when the worker ends before. */
  async handled(): Promise<void> {
    await this.#worker.call(FENCE, undefined, { owner: this.#name, timeout: Number.POSITIVE_INFINITY })
  }

  /** The error that the worker crashes with; its `cause` is what was thrown. @throws ExpectationError in time. */
  async crashed(): Promise<CallbackError> {
    return (await this.#exits.next({ event: CRASH, from: this.crashed })) as CallbackError
  }

  /** Why the worker ends by itself. @throws ExpectationError when it does not in time, or crashes. */
  async ended(): Promise<Exit> {
    return (await this.#exits.next({ event: END, from: this.ended })) as Exit
  }

  /** Stop the worker, after the messages sent so far; resolves with the reason when `terminate` has run. */
  async stop(): Promise<Exit> {
    this.#worker.stop()
    return this.#worker.exited
  }

  /** The worker with an ear on its state. */
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

const CRASH = 'crash'
const END = 'end'
