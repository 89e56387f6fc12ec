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

/** The callbacks of a worker, named as GenServer names them. */
export type WorkerCallbacks<Context, State> = {
  /** The child's id at its supervisor, unless the child is given another. */
  readonly name: string
  /** Makes the state; runs again, with the same context, after every crash (WORKER-1). */
  init(context: Context, worker: Worker): Awaitable<State>
  /** What happens with each message of `send` and `sendAfter`. */
  handleInfo?: { [name: string]: InfoHandler<NoInfer<State>> }
  /** The worker ends; not called when it is killed, nor when `init` failed (WORKER-5). */
  terminate?(reason: Exclude<Exit, 'killed'>, state: NoInfer<State>): Awaitable<void>
}

/** A worker as data: nothing runs until a supervisor starts it. */
export type WorkerDefinition<Context = unknown> = {
  readonly name: string
  init(context: Context, worker: Worker): unknown
  readonly handleInfo: ReadonlyMap<string, Callback>
  readonly terminate: Callback | null
}

/** A callback as the runtime calls it; its types were checked where the worker was defined. */
type Callback = (...parameters: unknown[]) => unknown

const DEFINE_WORKER = 'defineWorker'

/** What `defineWorker` returned. */
export const workerDefinition = madeBy(DEFINE_WORKER)

const workerCallbacks = object<WorkerCallbacks<unknown, unknown>>(
  { name: nonEmptyString, init: callback, handleInfo: record(callback), terminate: callback },
  ['name', 'init'],
)

/**
 * Define a worker: a state, and the messages that change it one at a time.
 * @throws UsageError with `PHX_ERR_DEFINITION` when the name is empty, a key is unknown, or a callback is missing or
 * no function.
 */
export function defineWorker<Context, State>(
  definition: WorkerCallbacks<Context, State>,
): WorkerDefinition<Context> {
  checkDefinition(named('worker', definition, 'name'), definition, workerCallbacks)
  const { name, init, handleInfo, terminate } = definition
  // The rules have found functions. A Map, in which a message called `constructor` misses.
  const handlers = Object.entries(handleInfo ?? {}) as [string, Callback][]
  return markMade(DEFINE_WORKER, {
    name,
    init,
    handleInfo: new Map(handlers.filter(([, handle]) => handle !== undefined)),
    terminate: (terminate as Callback | undefined) ?? null,
  })
}
