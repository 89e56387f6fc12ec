import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { workerEnvironment } from '../runtime/own-worker.ts'
import { withTimeLimit } from '../runtime/time-limit.ts'
import { watchHandOver } from './hand-over.ts'
import { type Order, readReport } from './messages.ts'

/** Milliseconds after which `pause` no longer waits for a worker that has not stopped listening. */
const PAUSE_LIMIT_MS = 5_000
/** Milliseconds after which a draining worker is killed. This is longer than any drain should take. */
const DRAIN_LIMIT_MS = 60_000

/** Exit of a worker process. */
export type Ending = {
  /** True if the exit code is 0, or if the process was not listening yet. */
  readonly isClean: boolean
  /** Reason that the worker process reported; otherwise its exit code or signal. */
  readonly reason: string
}

/** Worker process, as the primary controls it. */
export class WorkerProcess {
  /**
   * Resolves with null when the process listens, or with the reason if the process ends without listening. Never
   * rejects.
   */
  readonly listening: Promise<string | null>
  readonly exited: Promise<Ending>
  /** True after `pause` was called: the process will end, and its exit must not start a successor. */
  isLeaving: boolean
  readonly #worker: Worker
  readonly #startedAt: number
  readonly #paused: Promise<void>
  #resolvePaused!: () => void
  #isListening: boolean
  #reason: string | null

  /** Start the process. `onRetire` is called when the process has received SIGTERM and needs a successor. */
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
    // When the worker exits, close a connection that was being handed over to the worker, so that the client retries.
    // Do not close the connection if the worker is leaving: a leaving worker refuses the connection, and `node:cluster`
    // hands the connection over to another worker.
    this.#worker.once('exit', () => this.isLeaving || closeHandedOver())
    this.exited = this.#exit()
    this.listening = this.#listen()
  }

  get pid(): number | undefined {
    return this.#worker.process.pid
  }

  /** Milliseconds since the start of the process. */
  get age(): number {
    return performance.now() - this.#startedAt
  }

  /** Make the process tell load balancers to send no new clients to this process. */
  leave(): void {
    this.#tell('leave')
  }

  /**
   * Make the process stop listening. Resolves when the process no longer listens, or after `PAUSE_LIMIT_MS`. If the
   * process does not listen yet, it is killed.
   */
  async pause(): Promise<void> {
    this.isLeaving = true
    if (!this.#isListening) return this.kill()
    this.#tell('pause')
    await withTimeLimit(PAUSE_LIMIT_MS, Promise.race([this.#paused, this.exited]), null)
  }

  /**
   * Make the process drain and exit. Resolves when the process has exited. If it does not exit in time, it is killed.
   */
  async drain(): Promise<Ending> {
    this.#tell('drain')
    await withTimeLimit(DRAIN_LIMIT_MS, this.exited, null)
    this.kill()
    return this.exited
  }

  /** Kill the process. */
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
      // Wait for the disconnect too, because messages that the process sent can arrive after its exit.
      if (this.#worker.isConnected()) await once(this.#worker, 'disconnect')
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`
      return { isClean: code === 0 || !this.#isListening, reason: this.#reason ?? how }
    } catch (error) {
      return { isClean: false, reason: error instanceof Error ? error.message : String(error) }
    }
  }

  #tell(order: Order['order']): void {
    const message: Order = { order }
    // Ignore errors, because a worker that has exited needs no orders.
    this.#worker.send(message, () => {})
  }
}
