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

/** Options of a worker process. */
export type WorkerProcessOptions = {
  /** Milliseconds after which a process that listens, but has not started, is killed. */
  readonly startLimit: number
  /** Called when the process has received SIGTERM and needs a successor. */
  readonly onRetire: () => void
}

/** Exit of a worker process. */
export type Ending = {
  /** True if the exit code is 0, or if the process had not started yet. */
  readonly isClean: boolean
  /** Reason that the worker process reported; otherwise its exit code or signal. */
  readonly reason: string
}

/** Worker process, as the primary controls it. */
export class WorkerProcess {
  /**
   * Resolves with null when the process listens and its `start` has resolved, or with the reason if the process ends
   * before. A process that only listens can still fail, so it must not replace another one. Never rejects.
   */
  readonly started: Promise<string | null>
  readonly exited: Promise<Ending>
  /** True after `pause` was called: the process will end, and its exit must not start a successor. */
  isLeaving: boolean
  readonly #worker: Worker
  readonly #forkedAt: number
  readonly #startLimit: number
  readonly #reported: Promise<void>
  #resolveReported!: () => void
  readonly #paused: Promise<void>
  #resolvePaused!: () => void
  #isListening: boolean
  #isStarted: boolean
  #reason: string | null

  /** Start the process. */
  constructor({ startLimit, onRetire }: WorkerProcessOptions) {
    this.isLeaving = false
    this.#forkedAt = performance.now()
    this.#startLimit = startLimit
    this.#isListening = false
    this.#isStarted = false
    this.#reason = null
    this.#reported = new Promise((resolve) => {
      this.#resolveReported = resolve
    })
    this.#paused = new Promise((resolve) => {
      this.#resolvePaused = resolve
    })
    this.#worker = cluster.fork(workerEnvironment())
    this.#worker.on('message', (message: unknown) => {
      const report = readReport(message)
      if (report?.report === 'retire') onRetire()
      else if (report?.report === 'started') this.#resolveReported()
      else if (report?.report === 'paused') this.#resolvePaused()
      else if (report?.report === 'failed') this.#reason = report.reason
    })
    const closeHandedOver = watchHandOver(this.#worker.process)
    // When the worker exits, close a connection that was being handed over to the worker, so that the client retries.
    // Do not close the connection if the worker is leaving: a leaving worker refuses the connection, and `node:cluster`
    // hands the connection over to another worker.
    this.#worker.once('exit', () => this.isLeaving || closeHandedOver())
    this.exited = this.#exit()
    this.started = this.#start()
  }

  get pid(): number | undefined {
    return this.#worker.process.pid
  }

  /** Milliseconds since the start of the process. */
  get age(): number {
    return performance.now() - this.#forkedAt
  }

  /** Make the process tell load balancers to send no new clients to this process. */
  leave(): void {
    this.#tell('leave')
  }

  /**
   * Make the process stop listening. Resolves when the process no longer listens, or after `PAUSE_LIMIT_MS`. If the
   * process does not listen yet, or has not started by then, it is killed: it follows orders only after its start.
   */
  async pause(): Promise<void> {
    this.isLeaving = true
    if (!this.#isListening) return this.kill()
    this.#tell('pause')
    await withTimeLimit(PAUSE_LIMIT_MS, Promise.race([this.#paused, this.exited]), null)
    if (!this.#isStarted) this.kill()
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

  /** Wait for the start or the exit of the process. Kill a process that listens, but does not start in time. */
  async #start(): Promise<string | null> {
    const ended = this.exited.then(({ reason }) => reason)
    const reported = this.#reported.then(() => {
      // `node:cluster` does not report a server that listens on a port of its own.
      this.#isListening = true
      this.#isStarted = true
      return null
    })
    const listening = new Promise<void>((resolve) => {
      this.#worker.once('listening', () => {
        this.#isListening = true
        resolve()
      })
    })
    await Promise.race([listening, reported, ended])
    const late = `\`start\` did not resolve within ${this.#startLimit / 1_000} s after the server had listened`
    const reason = await withTimeLimit(this.#startLimit, Promise.race([reported, ended]), late)
    if (reason !== late) return reason
    this.#reason ??= late
    this.kill()
    return ended
  }

  async #exit(): Promise<Ending> {
    try {
      const [code, signal] = await once(this.#worker, 'exit')
      // Wait for the disconnect too, because messages that the process sent can arrive after its exit.
      if (this.#worker.isConnected()) await once(this.#worker, 'disconnect')
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`
      return { isClean: code === 0 || !this.#isStarted, reason: this.#reason ?? how }
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
