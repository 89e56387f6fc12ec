import { withTimeLimit } from '../runtime/time-limit.ts'
import type { AnyCalls, WorkerDefinition } from './define-worker.ts'
import type { Exit, Supervised } from './supervised.ts'
import type { Supervisor, SupervisorOptions } from './supervisor.ts'

/**
 * When a child is restarted: `'permanent'` means always, `'transient'` after a crash, `'temporary'` never
 * (SUPERVISE-2).
 */
export type Restart = 'permanent' | 'transient' | 'temporary'

/** Spec of a worker as a child: its definition, and the context for its `init`. */
export type WorkerSpec<Context, Calls = AnyCalls> = {
  /** Worker definition, from `defineWorker`. */
  readonly worker: WorkerDefinition<Context, Calls>
  /** Id, unique among the children of the supervisor. Default: the worker's name. */
  readonly id?: string
  /**
   * When the child is restarted: `'permanent'` means always, `'transient'` after a crash, `'temporary'` never
   * (SUPERVISE-2). Default: `'permanent'`.
   */
  readonly restart?: Restart
  /** Milliseconds within which the child must end, or `Infinity`. `'brutal_kill'` skips `terminate`. Default: 5,000. */
  readonly shutdown?: number | 'brutal_kill'
  /**
   * If true, a child that ends and is not restarted is removed from the supervisor, as in a DynamicSupervisor
   * (SUPERVISE-8). Default: false.
   */
  readonly dynamic?: boolean
} & (unknown extends Context
  ? {
      /** First argument of the worker's `init`. Default: undefined. */
      readonly context?: unknown
    }
  : {
      /** First argument of the worker's `init`. */
      readonly context: NoInfer<Context>
    })

/** Spec of a supervisor as a child. Every restart creates a new supervisor (SUPERVISE-6). */
export type SupervisorSpec = {
  /** Options of the child supervisor. If `logger` or `onCrash` is absent, the parent's option is used. */
  readonly supervisor: SupervisorOptions
  /** Called with the new supervisor, to start its children. If `init` throws, the started children are stopped. */
  readonly init: (supervisor: Supervisor) => unknown
  /** Id, unique among the children of the supervisor. */
  readonly id: string
  /**
   * When the child is restarted: `'permanent'` means always, `'transient'` after a crash, `'temporary'` never
   * (SUPERVISE-2). Default: `'permanent'`.
   */
  readonly restart?: Restart
}

/** Spec of a worker, without its `context`, or of a supervisor. */
type AnySpec = Omit<WorkerSpec<unknown, unknown>, 'context'> | SupervisorSpec

/** Return the id of the child that a spec describes. */
export function idOf(spec: AnySpec): string {
  return spec.id ?? ('worker' in spec ? spec.worker.name : '')
}

/** Status of a child. A stopped child may start again: after a sibling's crash, or by a call such as `restartChild`. */
export type ChildStatus = 'starting' | 'running' | 'stopping' | 'stopped'

/** State of a child. `restarts` includes restarts that were caused by siblings. */
export type ChildInfo = { readonly id: string; readonly status: ChildStatus; readonly restarts: number }

/** Child in the list of its supervisor. A restart replaces the running instance of the child, but not this object. */
export class Child {
  readonly id: string
  /** Name of the worker, or `supervisor`. Several children may have the same name. */
  readonly name: string
  readonly restart: Restart
  /** True if the supervisor removes the child from its list when the child has ended and is not restarted. */
  readonly isDynamic: boolean
  /** Definition of the worker; null for a supervisor. */
  readonly definition: object | null
  /** True while the child waits to be started again after a restart has stopped it. A later stop ends this, too. */
  awaitsRestart: boolean
  readonly #shutdown: number | 'brutal_kill'
  readonly #make: (id: string) => Supervised
  #status: ChildStatus
  #starts: number
  #instance: Supervised | null

  /** The spec must have passed `checkSpec`. */
  constructor(spec: AnySpec, make: (id: string) => Supervised) {
    const { restart = 'permanent' } = spec
    const id = idOf(spec)
    // As in OTP, a supervisor may take any time to stop, because each of its children has its own time limit.
    const shutdown = 'worker' in spec ? (spec.shutdown ?? 5_000) : Number.POSITIVE_INFINITY
    this.id = id
    this.name = 'worker' in spec ? spec.worker.name : 'supervisor'
    this.restart = restart
    this.isDynamic = restart === 'temporary' || ('worker' in spec && spec.dynamic === true)
    this.definition = 'worker' in spec ? spec.worker : null
    this.awaitsRestart = false
    this.#shutdown = shutdown
    this.#make = make
    this.#status = 'stopped'
    this.#starts = 0
    this.#instance = null
  }

  /** Current instance, also while it starts or stops; null if there is none. */
  get instance(): Supervised | null {
    return this.#instance
  }

  /** Id, status and number of restarts. */
  get info(): ChildInfo {
    return { id: this.id, status: this.#status, restarts: this.#starts - 1 }
  }

  /**
   * Create and start a new instance. Resolves with null when the instance is ready. If the instance ends before it is
   * ready, resolves with the reason of the end.
   */
  async start(): Promise<Exit | null> {
    const instance = this.#make(this.id)
    this.#instance = instance
    this.#status = 'starting'
    this.#starts += 1
    const exit = await instance.start()
    if (exit !== null) this.ended(instance)
    else {
      this.awaitsRestart = false
      if (this.#status === 'starting') this.#status = 'running'
    }
    return exit
  }

  /** Record the end of an instance. Returns false if `instance` is not the current instance. */
  ended(instance: Supervised): boolean {
    if (this.#instance !== instance) return false
    this.#instance = null
    this.#status = 'stopped'
    return true
  }

  /**
   * Stop the instance, if any. Resolves with false if the instance did not end in time and is abandoned (SUPERVISE-5).
   */
  async stop(): Promise<boolean> {
    const instance = this.#instance
    this.awaitsRestart = false
    if (instance === null) return true
    this.#status = 'stopping'
    let isInTime = true
    if (this.#shutdown !== 'brutal_kill') {
      instance.stop()
      isInTime = (await withTimeLimit(this.#shutdown, instance.exited, null)) !== null
    }
    instance.kill()
    this.ended(instance)
    return isInTime
  }
}
