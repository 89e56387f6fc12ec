import { CallbackError } from '../errors.ts'
import type { SupervisorSpec } from './child.ts'
import type { Exit, Supervised } from './supervised.ts'
import type { Supervisor } from './supervisor.ts'

/**
 * Supervisor that is a child of another supervisor. If this supervisor gives up, its parent counts one crash
 * (SUPERVISE-6).
 */
export class ChildSupervisor implements Supervised {
  /** Resolves when the supervisor and its children have stopped. */
  readonly exited: Promise<Exit>
  readonly #spec: SupervisorSpec
  readonly #supervisor: Supervisor
  readonly #onCrash: (error: CallbackError) => void
  #resolveExited!: (exit: Exit) => void

  constructor(spec: SupervisorSpec, supervisor: Supervisor, onCrash: (error: CallbackError) => void) {
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve
    })
    this.#spec = spec
    this.#supervisor = supervisor
    this.#onCrash = onCrash
  }

  start(): Promise<Exit | null> {
    void this.#supervisor.failed.then(this.#resolveExited)
    return Promise.race([this.#init(), this.exited])
  }

  stop(): void {
    void this.#end('shutdown')
  }

  /**
   * Do nothing. The parent waits without a time limit until this supervisor has stopped, so nothing is left to kill.
   */
  kill(): void {}

  async #init(): Promise<Exit | null> {
    try {
      await this.#spec.init(this.#supervisor)
      return null
    } catch (cause) {
      const error = new CallbackError(this.#spec.id, 'init', cause)
      this.#onCrash(error)
      return this.#end(error)
    }
  }

  async #end(exit: Exit): Promise<Exit> {
    await this.#supervisor.stop()
    this.#resolveExited(exit)
    return exit
  }
}
