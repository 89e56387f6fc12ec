import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { workerEnvironment } from '../runtime/own-worker.ts'
import { withTimeLimit } from '../runtime/time-limit.ts'
import { watchHandOver } from './hand-over.ts'
import { type Order, readReport } from './messages.ts'

/** Maximum time that `pause` waits for a worker to stop listening, in milliseconds. */
const PAUSE_LIMIT_MS = 5_000
/** Milliseconds after which a draining worker is killed. This is longer than any drain should take. */
const DRAIN_LIMIT_MS = 60_000

export type WorkerProcessOptions = {
  /** Milliseconds after `app.listen()` within which the option `start` of `ClusterOptions` must resolve. */
  readonly startLimit: number
  /** Called when the process has received SIGTERM and needs a successor. */
  readonly onRetire: () => void
}

/** Exit of a worker process. */
export type Ending = {
  /** True if the exit code is 0. Also true if `start` had not resolved, because `pause` kills such a process. */
  readonly isClean: boolean
  /**
   * Failure that the process reported, the exceeded `startLimit`, or the error of the fork; otherwise its exit code or
   * signal.
   */
  readonly reason: string
}

/** The primary's handle for one worker process. */
export class WorkerProcess {
  /**
   * Resolves with null when the process listens and its `start` has resolved. If the process exits earlier, resolves
   * with the reason of the exit. Never rejects.
   */
  readonly started: Promise<string | null>
  readonly exited: Promise<Ending>
  /** True if the primary is ending this process. Its exit must not start another process. */
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

  /** Start the process. If it cannot be forked, it counts as a process that has exited. */
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
    // `#exit` takes the first error as the end of the process. Ignore any further error, which would end the primary.
    this.#worker.on('error', () => {})
    this.#worker.on('message', (message: unknown) => {
      const report = readReport(message)
      if (report?.report === 'retire') onRetire()
      else if (report?.report === 'started') this.#resolveReported()
      else if (report?.report === 'paused') this.#resolvePaused()
      else if (report?.report === 'failed') this.#reason = report.reason
    })
    const closeHandedOver = watchHandOver(this.#worker.process)
    // If the worker dies, close the connection that was being handed over to it, so that the client retries. If the
    // worker is leaving, keep the connection open, because `node:cluster` passes it on to another worker.
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

  /** Make the worker process tell load balancers to send it no new clients. */
  leave(): void {
    this.#tell('leave')
  }

  /**
   * Make the process stop listening. Resolves when the process no longer listens, or after `PAUSE_LIMIT_MS`.
   *
   * A process that does not listen yet is killed at once. A process that listens is killed after `PAUSE_LIMIT_MS` if
   * its `start` is still pending.
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

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  /** Wait until `start` resolves or the process exits. If `start` exceeds its time limit, kill the process. */
  async #start(): Promise<string | null> {
    const ended = this.exited.then(({ reason }) => reason)
    const reported = this.#reported.then(() => {
      // If the worker does not share its port, `node:cluster` emits no `listening` event. So set `#isListening` here.
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
    const limit = `${this.#startLimit / 1_000} s`
    const late = `cluster: \`start\` did not resolve within ${limit} after the server began to listen`
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
    if (!this.#worker.isConnected()) return
    const message: Order = { order }
    // Ignore errors, because a worker that has exited needs no commands.
    this.#worker.send(message, () => {})
  }
}
