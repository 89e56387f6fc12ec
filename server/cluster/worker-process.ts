import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { workerEnvironment } from '../runtime/own-worker.ts'
import { withTimeLimit } from '../runtime/time-limit.ts'
import { watchHandOver } from './hand-over.ts'
import { type Order, readReport } from './messages.ts'

/** Milliseconds after which a worker that has not stopped listening is considered stuck. */
const PAUSE_LIMIT_MS = 5_000
/** Milliseconds after which a worker that drains is killed; longer than any drain. */
const DRAIN_LIMIT_MS = 60_000

/** The exit of a worker process. */
export type Ending = {
  /** True with exit code 0, or if it had no clients yet. */
  readonly isClean: boolean
  /** Reported by the worker process itself, else its exit code or signal. */
  readonly reason: string
}

/** The primary's side of a worker process. */
export class WorkerProcess {
  /** Resolves with null when it listens, or with the reason for which it ended before. Never rejects. */
  readonly listening: Promise<string | null>
  readonly exited: Promise<Ending>
  /** True from its pause on: it needs no successor. */
  isLeaving: boolean
  readonly #worker: Worker
  readonly #startedAt: number
  readonly #paused: Promise<void>
  #resolvePaused!: () => void
  #isListening: boolean
  #reason: string | null

  /** Starts it. `onRetire` is called when it was asked to end, and needs a successor. */
  constructor(onRetire: () => void) {
    this.isLeaving = false
    this.#startedAt = performance.now()
    this.#isListening = false
    this.#reason = null
    this.#paused = new Promise((resolve) => {
      this.#resolvePaused = resolve
    })
    this.#worker = cluster.fork(workerEnvironment())
    this.#worker.on('message', (message: unknown) => {
      const report = readReport(message)
      if (report?.report === 'retire') onRetire()
      else if (report?.report === 'paused') this.#resolvePaused()
      else if (report?.report === 'failed') this.#reason = report.reason
    })
    const closeHandedOver = watchHandOver(this.#worker.process)
    // A worker that is leaving has refused the connection, and another one has it.
    this.#worker.once('exit', () => this.isLeaving || closeHandedOver())
    this.exited = this.#exit()
    this.listening = this.#listen()
  }

  get pid(): number | undefined {
    return this.#worker.process.pid
  }

  /** Milliseconds since its start. */
  get age(): number {
    return performance.now() - this.#startedAt
  }

  /** Have it announce to load balancers that it will end. */
  leave(): void {
    this.#tell('leave')
  }

  /** Have it stop listening, and wait for that. A worker that does not listen yet is killed. */
  async pause(): Promise<void> {
    this.isLeaving = true
    if (!this.#isListening) return this.kill()
    this.#tell('pause')
    await withTimeLimit(PAUSE_LIMIT_MS, Promise.race([this.#paused, this.exited]), null)
  }

  /** Have it drain and exit, and wait for that. A worker that does not is killed. */
  async drain(): Promise<Ending> {
    this.#tell('drain')
    await withTimeLimit(DRAIN_LIMIT_MS, this.exited, null)
    this.kill()
    return this.exited
  }

  /** Kill it. */
  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  async #listen(): Promise<string | null> {
    const ended = this.exited.then(({ reason }) => reason)
    const reason = await Promise.race([once(this.#worker, 'listening').then(() => null), ended])
    if (reason === null) this.#isListening = true
    return reason
  }

  async #exit(): Promise<Ending> {
    try {
      const [code, signal] = await once(this.#worker, 'exit')
      // Messages that it sent before can arrive after its exit.
      if (this.#worker.isConnected()) await once(this.#worker, 'disconnect')
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`
      return { isClean: code === 0 || !this.#isListening, reason: this.#reason ?? how }
    } catch (error) {
      return { isClean: false, reason: error instanceof Error ? error.message : String(error) }
    }
  }

  #tell(order: Order['order']): void {
    const message: Order = { order }
    // A worker that has exited needs no orders.
    this.#worker.send(message, () => {})
  }
}
