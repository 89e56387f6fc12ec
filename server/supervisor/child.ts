import { MAX_DELAY_MS } from '../runtime/delay.ts'
import type { AnyCalls, WorkerDefinition } from './define-worker.ts'
import type { Exit, Supervised } from './supervised.ts'
import type { Supervisor, SupervisorOptions } from './supervisor.ts'

/** When a child is restarted: always, after a crash, or never (SUPERVISE-2). */
export type Restart = 'permanent' | 'transient' | 'temporary'

/** A worker to be supervised, and the context that its `init` is given. */
export type WorkerSpec<Context, Calls = AnyCalls> = {
  /** Worker definition, from `defineWorker`. */
  readonly worker: WorkerDefinition<Context, Calls>
  /** Unique among the children of the supervisor. Default: the worker's name. */
  readonly id?: string
  /** When the child is restarted: always, after a crash, or never (SUPERVISE-2). Default: `'permanent'`. */
  readonly restart?: Restart
  /**
   * Milliseconds that the child may take to end, or `Infinity`; `'brutal_kill'` ends it without `terminate`.
   * Default: 5,000.
   */
  readonly shutdown?: number | 'brutal_kill'
  /** Forget the child once it has ended for good, as a DynamicSupervisor does (SUPERVISE-8). Default: false. */
  readonly dynamic?: boolean
} & (unknown extends Context
  ? {
      /** First argument of the worker's `init`; required if its type is not `unknown`. Default: undefined. */
      readonly context?: unknown
    }
  : {
      /** First argument of the worker's `init`. */
      readonly context: NoInfer<Context>
    })

/** A supervisor to be supervised; it is made anew at every restart (SUPERVISE-6). */
export type SupervisorSpec = {
  /** Options of the child supervisor; without a `logger` or `onCrash` it uses those of its parent. */
  readonly supervisor: SupervisorOptions
  /** Starts the children of the child supervisor; if it throws, those already started are stopped. */
  readonly init: (supervisor: Supervisor) => unknown
  /** Unique among the children of the supervisor. */
  readonly id: string
  /** When the child is restarted: always, after a crash, or never (SUPERVISE-2). Default: `'permanent'`. */
  readonly restart?: Restart
}

/** A spec as its place reads it. */
type AnySpec = Omit<WorkerSpec<unknown, unknown>, 'context'> | SupervisorSpec

/** The id of a spec's child. */
export function idOf(spec: AnySpec): string {
  return spec.id ?? ('worker' in spec ? spec.worker.name : '')
}

/** What a child does now; a stopped one has ended, and starts again by `restartChild` or a restart of its siblings. */
export type ChildStatus = 'starting' | 'running' | 'stopping' | 'stopped'

/** A child as an operator sees it; `restarts` counts those together with its siblings too. */
export type ChildInfo = { readonly id: string; readonly status: ChildStatus; readonly restarts: number }

/** A child's place in its supervisor, which outlives the child's instances. */
export class Child {
  readonly id: string
  /** What it is an instance of: the worker's name, which many children may share. */
  readonly name: string
  readonly restart: Restart
  /** The place goes when the child has ended and is not restarted. */
  readonly isDynamic: boolean
  readonly #shutdown: number | 'brutal_kill'
  readonly #make: (id: string) => Supervised
  #status: ChildStatus
  #starts: number
  #instance: Supervised | null

  /** The spec has passed `checkSpec`. */
  constructor(spec: AnySpec, make: (id: string) => Supervised) {
    const { restart = 'permanent' } = spec
    const id = idOf(spec)
    // As in OTP: a supervisor gets all the time that its children need.
    const shutdown = 'worker' in spec ? (spec.shutdown ?? 5_000) : Number.POSITIVE_INFINITY
    this.id = id
    this.name = 'worker' in spec ? spec.worker.name : 'supervisor'
    this.restart = restart
    this.isDynamic = restart === 'temporary' || ('worker' in spec && spec.dynamic === true)
    this.#shutdown = shutdown
    this.#make = make
    this.#status = 'stopped'
    this.#starts = 0
    this.#instance = null
  }

  /** The running instance; null while there is none. */
  get instance(): Supervised | null {
    return this.#instance
  }

  /** This child as an operator sees it. */
  get info(): ChildInfo {
    return { id: this.id, status: this.#status, restarts: this.#starts - 1 }
  }

  /** Make an instance, again if need be, and wait for it: null when it is ready, else why it is not. */
  async start(): Promise<Exit | null> {
    const instance = this.#make(this.id)
    this.#instance = instance
    this.#status = 'starting'
    this.#starts += 1
    const exit = await instance.start()
    if (exit !== null) this.ended(instance)
    else if (this.#status === 'starting') this.#status = 'running'
    return exit
  }

  /** Note that an instance has ended; false if it is not the present one. */
  ended(instance: Supervised): boolean {
    if (this.#instance !== instance) return false
    this.#instance = null
    this.#status = 'stopped'
    return true
  }

  /** Stop the instance if there is one; false if it did not end in time and is abandoned (SUPERVISE-5). */
  async stop(): Promise<boolean> {
    const instance = this.#instance
    if (instance === null) return true
    this.#status = 'stopping'
    let isInTime = true
    if (this.#shutdown !== 'brutal_kill') {
      instance.stop()
      isInTime = await settlesWithin(this.#shutdown, instance.exited)
    }
    instance.kill()
    this.ended(instance)
    return isInTime
  }
}

async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, MAX_DELAY_MS), false)
  })
  const inTime = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return inTime
}
