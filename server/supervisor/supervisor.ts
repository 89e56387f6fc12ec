import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkOption, string } from '../../protocol/check.ts'
import { CallbackError, logDetails, UsageError } from '../errors.ts'
import { adopt, ignore, isPromise } from '../runtime/promise.ts'
import { GuardedLogger } from '../telemetry/guarded-logger.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import { Child, type ChildInfo, idOf, type SupervisorSpec, type WorkerSpec } from './child.ts'
import { ChildHandle } from './child-handle.ts'
import { ChildSupervisor } from './child-supervisor.ts'
import type { WorkerDefinition } from './define-worker.ts'
import { checkSpec, supervisorOptions } from './rules.ts'
import type { Exit, Supervised } from './supervised.ts'
import { Worker } from './worker.ts'

// Supervision as in OTP. A supervisor starts its children in order and stops them in reverse. A `Child` is an entry in
// the supervisor's list. The entry can outlive the child's instance (a `Worker`, or a supervisor with children of its
// own). `ChildHandle` gives applications access to the entry. Depending on its `restart`, a child that ends is
// restarted, alone or with siblings (`strategy`). After too many restarts within `maxSeconds`, the supervisor gives up:
// it stops all children and resolves `failed`. For a parent supervisor, this counts as one crash. Without a parent, the
// application decides what to do.
//
// Invariant: starts, exits and stops of children are handled one after the other in one queue, like messages of an OTP
// process. Only `stop` of the whole supervisor does not wait in the queue. A restart that fails is tried again at the end
// of the queue.

/**
 * Siblings that are restarted together with a child that ended. `'one_for_one'`: none. `'one_for_all'`: all.
 * `'rest_for_one'`: the siblings that started after the child that ended (SUPERVISE-3).
 */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one'

/** Options of a supervisor: how it restarts children, and where it reports crashes. */
export type SupervisorOptions = {
  /** Siblings that are restarted together with a child that ended (SUPERVISE-3). */
  readonly strategy: Strategy
  /** Maximum number of restarts within `maxSeconds`. If one more is needed, the supervisor gives up. Default: 3. */
  readonly maxRestarts?: number
  /** Seconds of the window in which restarts are counted. Default: 5. */
  readonly maxSeconds?: number
  /** Logger (e.g. `app.log`) for crashes and warnings. Default: none. */
  readonly logger?: SupervisorLogger
  /** Called with the error of each crash and the child's id. Default: none. */
  readonly onCrash?: (error: CallbackError, id: string) => void
}

/** Spec of a worker or a supervisor. */
export type ChildSpec<Context, Calls> = WorkerSpec<Context, Calls> | SupervisorSpec

/** Id of a child, and a function that creates its spec. */
type LazySpec<Context, Calls> = { readonly id: string; create(): WorkerSpec<Context, Calls> }

/** Functions of a logger that a supervisor uses. */
export interface SupervisorLogger {
  error(details: object, message: string): void
  warn(details: object, message: string): void
}

/** End of a child that makes a restart necessary, and its reason. */
type Crash = { readonly child: Child; readonly exit: Exit }

/** Starts children in order, restarts children that end, and stops children in reverse, like OTP's supervisors. */
export class Supervisor {
  /** Resolves when the supervisor has given up and stopped its children. The application should then exit. */
  readonly failed: Promise<CallbackError>
  readonly #options: SupervisorOptions
  readonly #logger: GuardedLogger
  readonly #maxRestarts: number
  readonly #maxSeconds: number
  /** Children by id, in the order of their start. */
  readonly #children: Map<string, Child>
  /** Times of the restarts within the last `maxSeconds`, in milliseconds of a monotonic clock. */
  readonly #restarts: number[]
  /** Settles when the last task in the queue (a start, exit or stop of a child) is done. */
  #queue: Promise<unknown>
  #stopped: Promise<void> | null
  #resolveFailed!: (error: CallbackError) => void

  /** @throws UsageError when an option is invalid. */
  constructor(options: SupervisorOptions) {
    checkOption('supervisor', options, supervisorOptions)
    const { maxRestarts = 3, maxSeconds = 5 } = options
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve
    })
    this.#options = options
    this.#logger = new GuardedLogger(options.logger ?? null)
    this.#maxRestarts = maxRestarts
    this.#maxSeconds = maxSeconds
    this.#children = new Map()
    this.#restarts = []
    this.#queue = Promise.resolve()
    this.#stopped = null
  }

  /**
   * Start a child as soon as all earlier children are ready. Resolves with the child's handle when its `init` has
   * finished. Rejects when `init` fails, the spec is invalid or the supervisor stops. After a rejection, the new child
   * has no entry.
   */
  startChild<Context, Calls>(spec: WorkerSpec<Context, Calls>): Promise<ChildHandle<Calls>>
  startChild(spec: SupervisorSpec): Promise<ChildHandle<Record<never, never>>>
  startChild<Context, Calls>(spec: ChildSpec<Context, Calls>): Promise<ChildHandle<Calls>> {
    return this.#enqueue(() => this.#add(spec))
  }

  /**
   * Return the child with the spec's id, and start it if it is not running. Concurrent calls resolve with the same
   * child. If the child is ending, waits for its end and then starts it again. Rejects when the
   * child's `init` fails, the spec is invalid or the supervisor stops.
   */
  ensureChild<Context, Calls>(spec: WorkerSpec<Context, Calls>): Promise<ChildHandle<Calls>> {
    return this.#ensure(() => {
      checkSpec(spec)
      return { id: idOf(spec), create: () => spec }
    })
  }

  /**
   * Like `ensureChild`, but call `create` for the spec only if no child has this id. Rejects if the child with this id
   * does not run `worker`. Used by the registry.
   */
  ensureWorker<Context, Calls>(
    id: string,
    worker: WorkerDefinition<Context, Calls>,
    create: () => WorkerSpec<Context, Calls>,
  ): Promise<ChildHandle<Calls>> {
    return this.#ensure(() => {
      const child = this.#children.get(id)
      if (child !== undefined && child.definition !== worker) throw otherWorker(child)
      return { id, create }
    })
  }

  /** Return the child that has this id, even if the child is not running; null if no child has this id. */
  whereis(id: string): ChildHandle | null {
    const child = this.#find(id)
    return child === undefined ? null : this.#handle(child)
  }

  /**
   * Stop a child, like `Supervisor.terminate_child/2`. The child's entry remains for `restartChild`, unless the child
   * is dynamic or temporary. Resolves with true when the child has ended, or with false if no child has this id
   * (SUPERVISE-7).
   */
  terminateChild(id: string): Promise<boolean> {
    return this.#enqueue(async () => {
      const child = this.#find(id)
      if (child === undefined) return false
      await this.#stopEach([child])
      if (child.isDynamic) this.#forget(child)
      return true
    })
  }

  /**
   * Start an ended child again with the same spec, like `Supervisor.restart_child/2`. Rejects when no child has this
   * id, the child is running, its `init` fails or the supervisor stops. After a rejection, the child's entry remains.
   */
  restartChild(id: string): Promise<ChildHandle> {
    return this.#enqueue(() => {
      const child = this.#find(id)
      if (child === undefined) throw unknown(id, [...this.#children.keys()])
      if (child.instance !== null) throw running(id)
      return this.#begin(child)
    })
  }

  /**
   * Stop a child and start it again with the same spec. The child keeps its position in the order of children. The
   * child may be dynamic or temporary, and need not be running. Resolves with false if no child has this id. Rejects
   * when the child's `init` fails or the supervisor stops. After a rejection, a dynamic or temporary child is removed.
   */
  replaceChild(id: string): Promise<boolean> {
    return this.#enqueue(async () => {
      const child = this.#find(id)
      if (child === undefined) return false
      await this.#stopEach([child])
      try {
        await this.#begin(child)
      } catch (error) {
        if (child.isDynamic) this.#forget(child)
        throw error
      }
      return true
    })
  }

  /**
   * Remove a child that has ended, like `Supervisor.delete_child/2`. Resolves with false if no child has this id, or
   * the child is running.
   */
  deleteChild(id: string): Promise<boolean> {
    return this.#enqueue(async () => {
      const child = this.#find(id)
      if (child === undefined || child.instance !== null) return false
      return this.#forget(child)
    })
  }

  /**
   * Stop all children one after the other, in reverse order of their start (SUPERVISE-1). No child can start
   * afterwards.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopEach([...this.#children.values()])
    return this.#stopped
  }

  /** State of all children, in the order of their start. */
  children(): ChildInfo[] {
    return Array.from(this.#children.values(), (child) => child.info)
  }

  async #add<Context, Calls>(spec: ChildSpec<Context, Calls>): Promise<ChildHandle<Calls>> {
    checkSpec(spec)
    const child = new Child(spec, (id) => this.#make(id, spec))
    if (this.#children.has(child.id)) throw taken(child.id)
    if (this.#stopped !== null) throw stopped(child.id)
    this.#children.set(child.id, child)
    try {
      return await this.#begin<Calls>(child)
    } catch (error) {
      this.#forget(child)
      throw error
    }
  }

  /** Return the child that `find` names; start it if it does not run. If it is ending, wait for its end first. */
  async #ensure<Context, Calls>(find: () => LazySpec<Context, Calls>): Promise<ChildHandle<Calls>> {
    for (;;) {
      const found = await this.#enqueue(() => this.#findOrStart(find()))
      if (found instanceof ChildHandle) return found
      // The child is ending. Wait for its exit, then try again. The supervisor handles the exit before the next try.
      await found.exited
    }
  }

  /**
   * Return the handle of the child with this id. If the child does not exist or has ended, start it first. If the child
   * is ending, return its ending instance instead of a handle.
   */
  async #findOrStart<Context, Calls>({
    id,
    create,
  }: LazySpec<Context, Calls>): Promise<ChildHandle<Calls> | Supervised> {
    const child = this.#children.get(id)
    if (child === undefined) return this.#add(create())
    const { instance } = child
    if (instance === null) return this.#begin(child)
    return instance instanceof Worker && !instance.isOpen ? instance : this.#handle(child)
  }

  async #begin<Calls>(child: Child): Promise<ChildHandle<Calls>> {
    if (this.#stopped !== null) throw stopped(child.id)
    const exit = await this.#start(child)
    // If the supervisor has stopped during `init`, the child is ending, although it has started.
    if (exit === null && this.#stopped === null) return this.#handle(child)
    throw exit instanceof Error ? exit : stopped(child.id)
  }

  #handle<Calls>(child: Child): ChildHandle<Calls> {
    return new ChildHandle(child, (ending) =>
      this.#enqueue(async () => {
        await this.#stopEach([ending])
        this.#forget(ending)
      }),
    )
  }

  #find(id: string): Child | undefined {
    checkOption('the id of a child', id, string)
    return this.#children.get(id)
  }

  #forget(child: Child): boolean {
    return this.#children.get(child.id) === child && this.#children.delete(child.id)
  }

  #make<Context, Calls>(id: string, spec: ChildSpec<Context, Calls>): Supervised {
    const onCrash = (error: CallbackError) => this.#report(error, id)
    if ('worker' in spec) {
      const onUnhandled = (info: string) => this.#warn(id, `worker has no handler for the message "${info}"`)
      return new Worker(spec.worker, spec.context, { onCrash, onUnhandled })
    }
    const logger = spec.supervisor.logger ?? this.#options.logger
    const inherited = spec.supervisor.onCrash ?? this.#options.onCrash
    const hooks = { ...(logger && { logger }), ...(inherited && { onCrash: inherited }) }
    return new ChildSupervisor(spec, new Supervisor({ ...spec.supervisor, ...hooks }), onCrash)
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(task)
    this.#queue = result.then(ignore, ignore)
    return result
  }

  async #start(child: Child): Promise<Exit | null> {
    const exit = await child.start()
    const { instance } = child
    if (exit === null && instance !== null) void this.#watch(child, instance)
    return exit
  }

  async #watch(child: Child, instance: Supervised): Promise<void> {
    const exit = await instance.exited
    await this.#enqueue(async () => {
      if (child.ended(instance)) await this.#exited(child, exit)
    })
  }

  async #exited(child: Child, exit: Exit): Promise<void> {
    const isCrash = exit === 'killed' || exit instanceof Error
    const isRestarted = child.restart === 'permanent' || (child.restart === 'transient' && isCrash)
    if (isRestarted) await this.#restart({ child, exit }, this.#groupOf(child))
    else if (child.isDynamic) this.#forget(child)
  }

  /**
   * Stop a group of children, and start them again. If one of them fails to start, this counts as a crash (SUPERVISE-4).
   * The next attempt waits at the end of the queue, so that a child that always fails does not block the others.
   */
  async #restart({ child, exit }: Crash, group: Child[]): Promise<void> {
    if (this.#stopped !== null) return
    if (!this.#mayRestart()) return this.#giveUp(child, exit)
    // Wait one event-loop turn, so that a child that always fails immediately does not starve the process.
    await nextTurn()
    const crash = await this.#restartGroup(group)
    if (crash !== null) void this.#enqueue(() => this.#retry(crash, group))
  }

  /** Repeat a failed restart, unless each child of the group has started or was stopped meanwhile. */
  async #retry(crash: Crash, group: Child[]): Promise<void> {
    const waiting = group.filter((one) => one.awaitsRestart && this.#children.get(one.id) === one)
    if (waiting.includes(crash.child)) await this.#restart(crash, this.#groupOf(crash.child))
    else if (waiting.length > 0) await this.#restart(crash, waiting)
  }

  #mayRestart(): boolean {
    const now = performance.now()
    const since = now - this.#maxSeconds * 1000
    while (this.#restarts[0] !== undefined && this.#restarts[0] < since) this.#restarts.shift()
    return this.#restarts.push(now) <= this.#maxRestarts
  }

  #groupOf(child: Child): Child[] {
    if (this.#options.strategy === 'one_for_one') return [child]
    const all = [...this.#children.values()]
    return this.#options.strategy === 'one_for_all' ? all : all.slice(all.indexOf(child))
  }

  async #restartGroup(group: Child[]): Promise<Crash | null> {
    await this.#stopEach(group)
    for (const child of group) child.awaitsRestart = true
    for (const child of group) {
      if (child.restart === 'temporary') this.#children.delete(child.id)
      else if (this.#stopped === null) {
        const exit = await this.#start(child)
        this.#tellRestart(child)
        if (exit !== null) return { child, exit }
      }
    }
    return null
  }

  async #giveUp(child: Child, exit: Exit): Promise<void> {
    const limit = `maxRestarts: ${this.#maxRestarts}, maxSeconds: ${this.#maxSeconds}`
    const message = `the restart limit is reached (${limit}), so the supervisor stops`
    const error = new CallbackError(
      child.id,
      'restart',
      new Error(message, { cause: exit }),
      'PHX_ERR_RESTARTS',
    )
    this.#report(error, child.id)
    await this.stop()
    this.#resolveFailed(error)
  }

  async #stopEach(children: Child[]): Promise<void> {
    for (const child of children.toReversed()) {
      if (!(await child.stop()))
        this.#warn(child.id, 'child abandoned: it did not stop within its shutdown time')
    }
  }

  #tellRestart({ name, info }: Child): void {
    if (!telemetry.workerRestarted.hasSubscribers) return
    telemetry.workerRestarted.publish({ supervisor: this, id: info.id, name, restarts: info.restarts })
  }

  #warn(child: string, message: string): void {
    this.#logger.warn({ child }, message)
  }

  #report(error: CallbackError, child: string): void {
    const failed = (cause: unknown) => this.#logger.error({ err: cause, child }, 'onCrash callback failed')
    this.#logger.error({ ...logDetails(error), child }, error.message)
    try {
      const result: unknown = this.#options.onCrash?.(error, child)
      if (isPromise(result)) adopt(result).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}

function taken(id: string): UsageError {
  return new UsageError(
    'PHX_ERR_OPTION',
    `child "${id}" exists already: \`id\` must be unique among the children of the supervisor`,
  )
}

function otherWorker({ id, name }: Child): UsageError {
  return new UsageError(
    'PHX_ERR_OPTION',
    `child "${id}" exists already and runs another worker ("${name}"): choose another \`name\` for the registry`,
  )
}

function unknown(id: string, known: readonly string[]): UsageError {
  const ids = known.length === 0 ? 'none' : known.join(', ')
  return new UsageError('PHX_ERR_OPTION', `unknown child "${id}". Children of this supervisor: ${ids}`)
}

function stopped(id: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `child "${id}" cannot start: the supervisor has stopped`)
}

function running(id: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `child "${id}" cannot be restarted: it is running`)
}
