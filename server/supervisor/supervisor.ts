import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkOption, string } from '../../protocol/check.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import { GuardedLogger } from '../telemetry/guarded-logger.ts'
import { telemetry } from '../telemetry/telemetry.ts'
import { Child, type ChildInfo, idOf, type SupervisorSpec, type WorkerSpec } from './child.ts'
import { ChildHandle } from './child-handle.ts'
import { ChildSupervisor } from './child-supervisor.ts'
import { checkSpec, supervisorOptions } from './rules.ts'
import type { Exit, Supervised } from './supervised.ts'
import { Worker } from './worker.ts'

/** Who is restarted with a child that crashed: nobody, all others, those started after it (SUPERVISE-3). */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one'

/** How a supervisor treats crashes, and whom it tells. */
export type SupervisorOptions = {
  /** Children that are restarted with one that crashed (SUPERVISE-3). */
  readonly strategy: Strategy
  /** Restarts allowed within `maxSeconds`; one more makes the supervisor give up. Default: 3. */
  readonly maxRestarts?: number
  /** Seconds within which restarts are counted. Default: 5. */
  readonly maxSeconds?: number
  /** Receives a line for each crash and restart; Fastify's logger fits. Default: none. */
  readonly logger?: SupervisorLogger
  /** Called with each crash of a child and the child's id. Default: none. */
  readonly onCrash?: (error: CallbackError, id: string) => void
}

/** A worker or a supervisor, whatever its context and calls are. */
type Spec<Context, Calls> = WorkerSpec<Context, Calls> | SupervisorSpec

/** What a supervisor needs of a logger. */
export interface SupervisorLogger {
  error(details: object, message: string): void
  warn(details: object, message: string): void
}

/** Starts children in order, restarts those that crash and stops them in reverse, as OTP's supervisors do. */
export class Supervisor {
  /** Resolves, never rejects, when it has given up and stopped its children: the app should exit. */
  readonly failed: Promise<CallbackError>
  readonly #options: SupervisorOptions
  readonly #logger: GuardedLogger
  readonly #maxRestarts: number
  readonly #maxSeconds: number
  /** In the order of their start. */
  readonly #children: Map<string, Child>
  /** When it restarted, within the window; in ms of a clock that never jumps. */
  readonly #restarts: number[]
  /** Starts and exits are handled one after the other, as a process would. */
  #queue: Promise<unknown>
  #stopped: Promise<void> | null
  #resolveFailed!: (error: CallbackError) => void

  /** @throws UsageError when an option has an illegal value. */
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
   * Start a child after those before it are ready; resolves with its handle when its `init` has finished.
   * Rejects, and forgets the child, when `init` fails, the spec is illegal or the supervisor stops.
   */
  startChild<Context, Calls>(spec: WorkerSpec<Context, Calls>): Promise<ChildHandle<Calls>>
  startChild(spec: SupervisorSpec): Promise<ChildHandle<Record<never, never>>>
  startChild<Context, Calls>(spec: Spec<Context, Calls>): Promise<ChildHandle<Calls>> {
    return this.#enqueue(() => this.#add(spec))
  }

  /**
   * The child of the spec's id, started if it is not running: of calls at the same time, one starts it, and all
   * resolve with the same child. One that is ending is waited for. Rejects as `startChild` does.
   */
  async ensureChild<Context, Calls>(spec: WorkerSpec<Context, Calls>): Promise<ChildHandle<Calls>> {
    for (;;) {
      const found = await this.#enqueue(() => this.#ensure(spec))
      if (found instanceof ChildHandle) return found
      // Its end is handled in the queue before the next look.
      await found.exited
    }
  }

  /** The child of an id, running or not, as `Process.whereis/1`; null if there is none. */
  whereis(id: string): ChildHandle | null {
    const child = this.#find(id)
    return child === undefined ? null : this.#handle(child)
  }

  /**
   * Stop a child and keep its place for `restartChild`, unless it is dynamic or temporary, as
   * `Supervisor.terminate_child/2`. Resolves when it has ended; false if there is no such child (SUPERVISE-7).
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
   * Start a child that has ended, with the spec that it has, as `Supervisor.restart_child/2`. Rejects when
   * there is none, it is running, its `init` fails or the supervisor stops; it keeps its place then.
   */
  restartChild(id: string): Promise<ChildHandle> {
    return this.#enqueue(() => {
      const child = this.#find(id)
      if (child === undefined) throw unknown(id, [...this.#children.keys()])
      if (child.instance !== null) throw new UsageError('PHX_ERR_OPTION', `child ${id} is running`)
      return this.#begin(child)
    })
  }

  /** Forget a child that has ended, as `Supervisor.delete_child/2`; false if there is none, or it is running. */
  deleteChild(id: string): Promise<boolean> {
    return this.#enqueue(async () => {
      const child = this.#find(id)
      if (child === undefined || child.instance !== null) return false
      return this.#forget(child)
    })
  }

  /** Stop the children, the last started first, each before the next (SUPERVISE-1). Nothing runs afterwards. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopEach([...this.#children.values()])
    return this.#stopped
  }

  /** The children in the order of their start. */
  children(): ChildInfo[] {
    return Array.from(this.#children.values(), (child) => child.info)
  }

  async #add<Context, Calls>(spec: Spec<Context, Calls>): Promise<ChildHandle<Calls>> {
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

  /** The child, or its instance if that is ending. */
  async #ensure<Context, Calls>(spec: WorkerSpec<Context, Calls>): Promise<ChildHandle<Calls> | Supervised> {
    checkSpec(spec)
    const child = this.#children.get(idOf(spec))
    if (child === undefined) return this.#add(spec)
    const { instance } = child
    if (instance === null) return this.#begin(child)
    return instance instanceof Worker && !instance.isOpen ? instance : this.#handle(child)
  }

  async #begin<Calls>(child: Child): Promise<ChildHandle<Calls>> {
    if (this.#stopped !== null) throw stopped(child.id)
    const exit = await this.#start(child)
    if (exit === null) return this.#handle(child)
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

  #make<Context, Calls>(id: string, spec: Spec<Context, Calls>): Supervised {
    const onCrash = (error: CallbackError) => this.#report(error, id)
    if ('worker' in spec) {
      const onUnhandled = (info: string) => this.#warn(id, `no handler for the message ${info}`)
      return new Worker(spec.worker, spec.context, { onCrash, onUnhandled })
    }
    const { logger, onCrash: parents } = this.#options
    const hooks = { ...(logger && { logger }), ...(parents && { onCrash: parents }) }
    return new ChildSupervisor(spec, new Supervisor({ ...hooks, ...spec.supervisor }), onCrash)
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
    if (isRestarted) await this.#restart(child, exit)
    else if (child.isDynamic) this.#forget(child)
  }

  /** A restart that fails is a crash again (SUPERVISE-4). */
  async #restart(child: Child, exit: Exit): Promise<void> {
    let crash: { child: Child; exit: Exit } | null = { child, exit }
    while (crash !== null && this.#stopped === null) {
      if (!this.#mayRestart()) return this.#giveUp(crash.child, crash.exit)
      // At once, but a child that always fails at once must not starve the process.
      await nextTurn()
      crash = await this.#restartGroup(this.#groupOf(crash.child))
    }
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

  async #restartGroup(group: Child[]): Promise<{ child: Child; exit: Exit } | null> {
    await this.#stopEach(group)
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
    const limit = `more than ${this.#maxRestarts} restarts within ${this.#maxSeconds} s`
    const error = new CallbackError(
      child.id,
      'restart',
      new Error(limit, { cause: exit }),
      'PHX_ERR_RESTARTS',
    )
    this.#report(error, child.id)
    await this.stop()
    this.#resolveFailed(error)
  }

  async #stopEach(children: Child[]): Promise<void> {
    for (const child of children.toReversed()) {
      if (!(await child.stop())) this.#warn(child.id, 'did not stop in time and is abandoned')
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
    const failed = (cause: unknown) => this.#logger.error({ err: cause, child }, 'onCrash failed')
    this.#logger.error({ err: error, child }, error.message)
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
    `child "${id}": \`id\` must be one that no other child has (got "${id}")`,
  )
}

function unknown(id: string, known: readonly string[]): UsageError {
  const legal = known.length === 0 ? 'there are no children' : `the children are ${known.join(', ')}`
  return new UsageError('PHX_ERR_OPTION', `child "${id}" does not exist; ${legal}`)
}

function stopped(id: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `child ${id} cannot start: the supervisor has stopped`)
}

function ignore(): void {}
