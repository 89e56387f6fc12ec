import { callback, checkDefinition, named, nonEmptyString, object, record } from '../../protocol/check.ts'
import { madeBy, markMade } from '../../protocol/made.ts'
import type { Awaitable } from '../runtime/promise.ts'
import type { AnnouncedExit, Exit } from './supervised.ts'
import type { Worker } from './worker.ts'

/** Result that ends the worker. Any reason except `'normal'`, `'shutdown'` and `{ shutdown: … }` counts as a crash. */
export type WorkerStop = { readonly stop: string | AnnouncedExit | Error }

/** Handler of one message. The handler declares the type of its parameter `value`. */
export type WorkerInfoHandler<State> = (
  value: never,
  state: State,
  worker: Worker,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
) => Awaitable<WorkerStop | undefined | void>

/**
 * Result of a call's handler. If the reply is a promise, the worker handles other messages until the promise settles.
 * If the worker ends before, the call is rejected, unless the same result has ended the worker.
 */
export type CallResult = WorkerStop | { readonly reply: unknown; readonly stop?: WorkerStop['stop'] }

/** Handlers of calls, by name. Each handler declares the type of its parameter `value`. */
export type CallHandlers<State> = {
  readonly [name: string]: (value: never, state: State, worker: Worker) => Awaitable<CallResult>
}

/** Calls to a worker whose definition is not known. All names and values are allowed; a reply is `unknown`. */
export type AnyCalls = { readonly [name: string]: (value: unknown) => { readonly reply: unknown } }

/** Arguments that follow the name in a call: the value, if the handler takes one, and the options. */
export type CallArguments<Handler> =
  undefined extends CallValue<Handler>
    ? [value?: CallValue<Handler>, options?: CallOptions]
    : [value: CallValue<Handler>, options?: CallOptions]

/** Options of a call to a worker, e.g. `handle.call('count', value, { timeout: 1_000 })`. */
export interface CallOptions {
  /** Timeout in milliseconds, or `Infinity`. Default: 5,000. */
  readonly timeout?: number
}

/** Type of a handler's `value`; undefined if `value` has the type never, unknown if the handler has no parameters. */
export type CallValue<Handler> = Handler extends (value: infer V, ...rest: never) => unknown
  ? [V] extends [never]
    ? undefined
    : V
  : unknown

/** Type of the reply of a handler. */
export type CallReply<Handler> = Handler extends (...args: never) => infer R
  ? Awaited<Extract<Awaited<R>, { readonly reply: unknown }>['reply']>
  : unknown

/** Callbacks of a worker, with the same names as the callbacks of GenServer. */
export type WorkerCallbacks<Context, State, Calls = unknown> = {
  /** Name of the worker. Also the default id of a child that runs the worker. */
  readonly name: string
  /** Creates the state. Runs again with the same context at every restart (WORKER-1). */
  init(context: Context, worker: Worker): Awaitable<State>
  /** Handlers of the messages of `send` and `sendAfter`. */
  handleInfo?: { [name: string]: WorkerInfoHandler<NoInfer<State>> }
  /** Handlers of calls. Return `{ reply: value }`, `{ stop: reason, reply: value }` or `{ stop: reason }`. */
  handleCall?: Calls & CallHandlers<NoInfer<State>>
  /** Called at the end of the worker. Not called if the worker is killed or `init` failed (WORKER-5). */
  terminate?(reason: Exclude<Exit, 'killed'>, state: NoInfer<State>): Awaitable<void>
}

declare const callsOf: unique symbol

/** Definition of a worker, which a supervisor can run. `Calls` is the type of the handlers in `handleCall`. */
export type WorkerDefinition<Context = unknown, Calls = AnyCalls> = {
  readonly name: string
  init(context: Context, worker: Worker): unknown
  readonly handleInfo: ReadonlyMap<string, WorkerCallback>
  readonly handleCall: ReadonlyMap<string, WorkerCallback>
  readonly terminate: WorkerCallback | null
  /** Field for the compiler only, with the type `Calls`. Absent at run time. */
  readonly [callsOf]?: Calls
}

/** Callback with untyped parameters. The compiler has already checked its types at the call of `defineWorker`. */
export type WorkerCallback = (...parameters: unknown[]) => unknown

const DEFINE_WORKER = 'defineWorker'

/** Rule: the value must come from `defineWorker`. */
export const workerDefinition = madeBy(DEFINE_WORKER)

const workerCallbacks = object<WorkerCallbacks<unknown, unknown>>(
  {
    name: nonEmptyString,
    init: callback,
    handleInfo: record(callback),
    handleCall: record(callback),
    terminate: callback,
  },
  ['name', 'init'],
)

/**
 * Define a worker: a state, and handlers that change the state, one message at a time.
 * @throws UsageError with `PHX_ERR_DEFINITION` when the name is empty, a key is unknown, or a callback is missing or
 * not a function.
 */
export function defineWorker<Context, State, Calls = Record<never, never>>(
  definition: WorkerCallbacks<Context, State, Calls>,
): WorkerDefinition<Context, Calls> {
  checkDefinition(named('worker', definition, 'name'), definition, workerCallbacks)
  const { name, init, terminate } = definition
  return markMade(DEFINE_WORKER, {
    name,
    init,
    handleInfo: callbacks(definition.handleInfo),
    handleCall: callbacks(definition.handleCall),
    terminate: (terminate as WorkerCallback | undefined) ?? null,
  })
}

/** Copy handlers to a Map. In an object, a message named `constructor` would find the inherited property. */
function callbacks(handlers: object | undefined): Map<string, WorkerCallback> {
  const given: [string, WorkerCallback | undefined][] = Object.entries(handlers ?? {})
  return new Map(given.flatMap(([name, handler]) => (handler === undefined ? [] : [[name, handler]])))
}
