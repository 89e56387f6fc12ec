import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff, MAX_IN_A_ROW } from './backoff.ts'
import { WorkerProcess } from './worker-process.ts'

/** What a primary is made with. */
export type PrimaryOptions = {
  /** How many worker processes there are to be. */
  readonly count: number
  /** Milliseconds for which load balancers are told before a stop begins. */
  readonly shutdownDelayMs: number
  readonly logger: {
    error(details: object, message: string): void
    info(details: object, message: string): void
  }
}

/** Keeps so many worker processes listening on one port: replaces those that die, and all of them on reload. */
export class Primary {
  /** Resolves, never rejects, when worker processes end at once again and again: the app should exit. */
  readonly failed: Promise<Error>
  readonly #options: PrimaryOptions
  /** The oldest first. */
  readonly #workers: Set<WorkerProcess>
  readonly #backoff: Backoff
  readonly #stopping: AbortController
  /** Reloads, one after the other. */
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

  /** Resolves when all listen. Rejects with the reason why one cannot; then none is left. */
  start(): Promise<void> {
    return this.#launch(this.#options.count)
  }

  /** Have a successor of each worker process listen, then end those that have one. If one cannot, all stay. */
  reload(): void {
    this.#enqueue(() => this.#replace([...this.#workers]))
  }

  /** All listen no more, then all send their clients elsewhere at once. True if each ended well. */
  async stop(): Promise<boolean> {
    this.#stopping.abort()
    for (const worker of this.#workers) worker.leave()
    await sleep(this.#options.shutdownDelayMs)
    return this.#retire([...this.#workers])
  }

  /** End all of them now. */
  kill(): void {
    for (const worker of this.#workers) worker.kill()
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  #fork(): WorkerProcess {
    const worker = new WorkerProcess(() => this.#enqueue(() => this.#replace([worker])))
    this.#workers.add(worker)
    void worker.exited.then(() => this.#workers.delete(worker))
    return worker
  }

  /** Start some, and look after them when all listen; if one cannot, none stays. */
  async #launch(count: number): Promise<void> {
    const workers = Array.from({ length: count }, () => this.#fork())
    const reasons = await Promise.all(workers.map(({ listening }) => listening))
    if (this.#isStopping) return
    const reason = reasons.find((one) => one !== null)
    if (typeof reason === 'string') {
      for (const worker of workers) worker.kill()
      await Promise.all(workers.map(({ exited }) => exited))
      throw new Error(reason)
    }
    for (const worker of workers) void this.#lookAfter(worker)
  }

  async #lookAfter(worker: WorkerProcess): Promise<void> {
    const { reason } = await worker.exited
    if (worker.isLeaving || this.#isStopping) return
    this.#options.logger.error({ worker: worker.pid, reason }, 'worker process exited')
    const wait = this.#backoff.next(worker.age)
    if (wait === null) {
      const often = `${MAX_IN_A_ROW + 1} worker processes in a row exited early`
      return this.#resolveFailed(new Error(`${often}; last reason: ${reason}`))
    }
    const { signal } = this.#stopping
    await sleep(wait, undefined, { signal }).catch(() => undefined)
    this.#fill()
  }

  /** Start as many as are missing. */
  #fill(): void {
    if (this.#isStopping) return
    const staying = [...this.#workers].filter(({ isLeaving }) => !isLeaving)
    for (let n = staying.length; n < this.#options.count; n++) void this.#lookAfter(this.#fork())
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
        'reload failed: new worker processes could not start; keeping the current ones',
      )
      return this.#fill()
    }
    if (this.#isStopping) return
    await this.#retire(old)
    this.#options.logger.info({ workers: old.map(({ pid }) => pid) }, 'worker processes replaced')
  }

  /** Nobody is sent away before all have stopped listening, else he might come to one that is next. */
  async #retire(workers: readonly WorkerProcess[]): Promise<boolean> {
    await Promise.all(workers.map((worker) => worker.pause()))
    const endings = await Promise.all(workers.map((worker) => worker.drain()))
    return endings.every(({ isClean }) => isClean)
  }
}
