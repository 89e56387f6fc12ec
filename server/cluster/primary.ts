import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff, MAX_IN_A_ROW, STABLE_MS } from './backoff.ts'
import { WorkerProcess } from './worker-process.ts'

/**
 * Default of `startLimit`, in milliseconds. `startLimit` does not include the time before `app.listen()`, in which an
 * application may migrate its database.
 */
const START_LIMIT_MS = 60_000

/** Methods of Fastify's logger that the primary process calls. */
export type ClusterLogger = {
  error(details: object, message: string): void
  info(details: object, message: string): void
}

export type PrimaryOptions = {
  /** Number of worker processes. */
  readonly count: number
  /** Milliseconds between the first 503 of `/readyz` and the end of listening during a shutdown. */
  readonly shutdownDelay: number
  /** Milliseconds after `app.listen()` within which the application's `start` must resolve. Default: 60,000. */
  readonly startLimit?: number
  readonly logger: ClusterLogger
}

/** Keeps worker processes listening on one port. Replaces a process that dies, and all processes on reload. */
export class Primary {
  /** Resolves if too many worker processes in a row exit soon after their start. Then the primary must exit. */
  readonly failed: Promise<Error>
  readonly #options: PrimaryOptions
  /** Worker processes, the oldest first. */
  readonly #workers: Set<WorkerProcess>
  readonly #backoff: Backoff
  readonly #stopping: AbortController
  /** Settles when all queued replacements of processes are done. They run one after the other. */
  #queue: Promise<void>
  #resolveFailed!: (error: Error) => void

  constructor(options: PrimaryOptions) {
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve
    })
    this.#options = options
    this.#workers = new Set()
    this.#backoff = new Backoff()
    this.#stopping = new AbortController()
    this.#queue = Promise.resolve()
  }

  /**
   * Start all worker processes. Resolves when all processes have started. If a process fails to start, kills all
   * processes and rejects with the reason.
   */
  start(): Promise<void> {
    return this.#launch(this.#options.count)
  }

  /**
   * Start a successor of each worker process. When all successors have started, end the old processes. If a successor
   * cannot start, keep the old processes.
   */
  reload(): void {
    this.#enqueue(() => this.#replace([...this.#workers]))
  }

  /**
   * Stop all worker processes. No process drains its clients until all processes have paused. Resolves with true if all
   * processes exited cleanly.
   */
  async stop(): Promise<boolean> {
    this.#stopping.abort()
    for (const worker of this.#workers) worker.leave()
    await sleep(this.#options.shutdownDelay)
    return this.#retire([...this.#workers])
  }

  /** Kill all worker processes. */
  kill(): void {
    for (const worker of this.#workers) worker.kill()
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  #fork(): WorkerProcess {
    const { startLimit = START_LIMIT_MS } = this.#options
    const onRetire = (): void => this.#enqueue(() => this.#replace([worker]))
    const worker = new WorkerProcess({ startLimit, onRetire })
    this.#workers.add(worker)
    void worker.exited.then(() => this.#workers.delete(worker))
    return worker
  }

  /**
   * Start `count` worker processes, and watch them as soon as all of them have started. As soon as one of them fails to
   * start, kill all of them and throw the reason.
   */
  async #launch(count: number): Promise<void> {
    const workers = Array.from({ length: count }, () => this.#fork())
    const reason = await firstFailure(workers)
    if (this.#isStopping) return
    if (reason !== null) {
      for (const worker of workers) worker.kill()
      await Promise.all(workers.map(({ exited }) => exited))
      throw new Error(reason)
    }
    for (const worker of workers) void this.#watch(worker)
  }

  async #watch(worker: WorkerProcess): Promise<void> {
    const { reason } = await worker.exited
    if (worker.isLeaving || this.#isStopping) return
    this.#options.logger.error({ worker: worker.pid, reason }, 'worker process exited')
    const wait = this.#backoff.next(worker.age)
    if (wait === null) {
      const often = `${MAX_IN_A_ROW + 1} times in a row, a worker process exited`
      const early = `within ${STABLE_MS / 1_000} s of its start`
      return this.#resolveFailed(new Error(`${often} ${early}; last reason: ${reason}`))
    }
    const { signal } = this.#stopping
    await sleep(wait, undefined, { signal }).catch(() => undefined)
    this.#fill()
  }

  /** Start worker processes until `count` processes run, not counting processes that are leaving. */
  #fill(): void {
    if (this.#isStopping) return
    const staying = [...this.#workers].filter(({ isLeaving }) => !isLeaving)
    for (let n = staying.length; n < this.#options.count; n++) void this.#watch(this.#fork())
  }

  #enqueue(task: () => Promise<void>): void {
    this.#queue = this.#queue.then(task)
  }

  async #replace(workers: readonly WorkerProcess[]): Promise<void> {
    const old = workers.filter((worker) => this.#workers.has(worker))
    if (this.#isStopping || old.length === 0) return
    try {
      await this.#launch(old.length)
    } catch (error) {
      this.#options.logger.error(
        { err: error },
        'worker processes not replaced: new processes could not start; the current processes continue',
      )
      return this.#fill()
    }
    if (this.#isStopping) return
    const retired = this.#retire(old)
    // Replace the processes that have died during this reload. Until now, `#fill` also counted the old processes, so it
    // found enough.
    this.#fill()
    await retired
    this.#options.logger.info({ workers: old.map(({ pid }) => pid) }, 'worker processes replaced')
  }

  /**
   * End worker processes. All of them pause before any of them drains: otherwise a client could reconnect to a process
   * that is about to end.
   */
  async #retire(workers: readonly WorkerProcess[]): Promise<boolean> {
    await Promise.all(workers.map((worker) => worker.pause()))
    const endings = await Promise.all(workers.map((worker) => worker.drain()))
    return endings.every(({ isClean }) => isClean)
  }
}

/**
 * Wait until all worker processes have started. Resolves with null then, or with the reason as soon as one of them fails
 * to start. If the primary ends a process before its start, for example during a reload, this is not a failure.
 */
function firstFailure(workers: readonly WorkerProcess[]): Promise<string | null> {
  return new Promise((resolve) => {
    const starts = workers.map(async (worker) => {
      const reason = await worker.started
      if (reason !== null && !worker.isLeaving) resolve(reason)
    })
    void Promise.all(starts).then(() => resolve(null))
  })
}
