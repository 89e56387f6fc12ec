import { callback, checkDefinition, named, nonEmptyString, object, record } from '../../protocol/check.ts'
import { madeBy, markMade } from '../../protocol/made.ts'
import type { AnnouncedExit, Exit } from './supervised.ts'
import type { Worker } from './worker.ts'

type Awaitable<T> = T | Promise<T>

/** Ends the worker; any reason but `'normal'`, `'shutdown'` and `{ shutdown: … }` is a crash. */
export type WorkerStop = { readonly stop: string | AnnouncedExit | Error }

/** Handles one message; each name has a value type of its own, which the handler states. */
type InfoHandler<State> = (
  value: never,
  state: State,
  worker: Worker,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
) => Awaitable<WorkerStop | undefined | void>

/** Answers a call; a reply that is a promise is answered when it settles, and the worker goes on meanwhile. */
export type CallResult = WorkerStop | { readonly reply: unknown; readonly stop?: WorkerStop['stop'] }

/** Handlers of calls; each name has a value type of its own, which the handler states. */
export type CallHandlers<State> = {
  readonly [name: string]: (value: never, state: State, worker: Worker) => Awaitable<CallResult>
}

/** Calls of a worker whose definition is not at hand: anything may be asked, and the answer is unknown. */
export type AnyCalls = { readonly [name: string]: (value: unknown) => { readonly reply: unknown } }

/** The value that a call takes, where its handler takes one, and its options: `timeout` in ms. */
export type CallArguments<Handler> =
  undefined extends CallValue<Handler>
    ? [value?: CallValue<Handler>, options?: CallOptions]
    : [value: CallValue<Handler>, options?: CallOptions]

/** Options of a call. */
export interface CallOptions {
  /** Milliseconds, or `Infinity`. Default 5000. */
  readonly timeout?: number
}

/** A handler whose value has no type of its own takes none. */
type CallValue<Handler> = Handler extends (value: infer V, ...rest: never) => unknown
  ? [V] extends [never]
    ? undefined
    : V
  : unknown

/** What a handler replies with. */
export type CallReply<Handler> = Handler extends (...args: never) => infer R
  ? Awaited<Extract<Awaited<R>, { readonly reply: unknown }>['reply']>
  : unknown

/** The callbacks of a worker, named as GenServer names them. */
export type WorkerCallbacks<Context, State, Calls = unknown> = {
  /** The child's id at its supervisor, unless the child is given another. */
  readonly name: string
  /** Makes the state; runs again, with the same context, after every crash (WORKER-1). */
  init(context: Context, worker: Worker): Awaitable<State>
  /** What happens with each message of `send` and `sendAfter`. */
  handleInfo?: { [name: string]: InfoHandler<NoInfer<State>> }
  /** What each `call` is answered: `{ reply: value }`, `{ stop: reason, reply: value }`, `{ stop: reason }`. */
  handleCall?: Calls & CallHandlers<NoInfer<State>>
  /** The worker ends; not called when it is killed, nor when `init` failed (WORKER-5). */
  terminate?(reason: Exclude<Exit, 'killed'>, state: NoInfer<State>): Awaitable<void>
}

declare const callsOf: unique symbol

/** A worker as data: nothing runs until a supervisor starts it. `Calls` is its `handleCall`. */
export type WorkerDefinition<Context = unknown, Calls = AnyCalls> = {
  readonly name: string
  init(context: Context, worker: Worker): unknown
  readonly handleInfo: ReadonlyMap<string, Callback>
  readonly handleCall: ReadonlyMap<string, Callback>
  readonly terminate: Callback | null
  /** For the compiler only. */
  readonly [callsOf]?: Calls
}

/** A callback as the runtime calls it; its types were checked where the worker was defined. */
type Callback = (...parameters: unknown[]) => unknown

const DEFINE_WORKER = 'defineWorker'

/** What `defineWorker` returned. */
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
 * Define a worker: a state, and the messages that change it one at a time.
 * @throws UsageError with `PHX_ERR_DEFINITION` when the name is empty, a key is unknown, or a callback is missing or
 * no function.
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
    terminate: (terminate as Callback | undefined) ?? null,
  })
}

/** A Map, in which a message called `constructor` misses. The rules have found functions. */
function callbacks(handlers: object | undefined): Map<string, Callback> {
  const given: [string, Callback | undefined][] = Object.entries(handlers ?? {})
  return new Map(given.flatMap(([name, handler]) => (handler === undefined ? [] : [[name, handler]])))
}
