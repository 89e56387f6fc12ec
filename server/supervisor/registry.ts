import { checkOption, rule, string } from '../../protocol/check.ts'
import type { Restart, WorkerSpec } from './child.ts'
import type { ChildHandle } from './child-handle.ts'
import type { AnyCalls, WorkerDefinition } from './define-worker.ts'
import { registryOptions } from './rules.ts'
import { Supervisor } from './supervisor.ts'

const aSupervisor = rule('a Supervisor', (value) => value instanceof Supervisor)

/** Options of a registry: the worker that runs for each key, and how the worker is started and restarted. */
export type RegistryOptions<Context, Calls = AnyCalls> = {
  /** Definition of the workers. */
  readonly worker: WorkerDefinition<Context, Calls>
  /** Creates the context for `init` of a key's worker. Called when the worker is first started. */
  readonly context: (key: string) => Context
  /** First part of each child's id. The id has the form `name:key`. Default: the worker's name. */
  readonly name?: string
  /** When a worker is restarted. Default: `'transient'`, which means only after a crash. */
  readonly restart?: Restart
  /** Milliseconds within which a worker must end, or `Infinity`. `'brutal_kill'` skips `terminate`. Default: 5,000. */
  readonly shutdown?: number | 'brutal_kill'
}

/**
 * One worker per key, for example per room. A worker is started when its key is first used. This class combines
 * Elixir's `Registry` and `DynamicSupervisor`. The workers are children of the supervisor; the registry has no state.
 * Keys are local: each node of a cluster has its own worker for a key (SUPERVISE-9).
 */
export class Registry<Context, Calls = AnyCalls> {
  readonly #supervisor: Supervisor
  readonly #options: RegistryOptions<Context, Calls>
  readonly #prefix: string

  /** @throws UsageError with `PHX_ERR_OPTION` when the supervisor, `worker` or `context` is missing or invalid. */
  constructor(supervisor: Supervisor, options: RegistryOptions<Context, Calls>) {
    checkOption('registry: the supervisor', supervisor, aSupervisor)
    checkOption('registry', options, registryOptions)
    this.#supervisor = supervisor
    this.#options = options
    this.#prefix = `${options.name ?? options.worker.name}:`
  }

  /**
   * Return the worker of a key, and start it if it is not running. Concurrent callers get the same worker. Rejects when
   * `context` throws, the worker's `init` fails, the supervisor stops, or the child with the id `name:key` runs another
   * worker.
   */
  async ensure(key: string): Promise<ChildHandle<Calls>> {
    checkOption('registry.ensure(): the key', key, string)
    const create = (): WorkerSpec<Context, Calls> => this.#spec(key)
    return this.#supervisor.ensureWorker(this.#prefix + key, this.#options.worker, create)
  }

  /** Return the worker of a key, like `Registry.lookup/2`; null if there is none. */
  whereis(key: string): ChildHandle<Calls> | null {
    checkOption('registry.whereis(): the key', key, string)
    // The cast assumes that only this registry starts children whose ids begin with `#prefix`.
    return this.#supervisor.whereis(this.#prefix + key) as ChildHandle<Calls> | null
  }

  /** Keys that have a worker, in the order in which the workers started. */
  keys(): string[] {
    const ids = this.#supervisor.children().map(({ id }) => id)
    return ids.filter((id) => id.startsWith(this.#prefix)).map((id) => id.slice(this.#prefix.length))
  }

  #spec(key: string): WorkerSpec<Context, Calls> {
    const { worker, context, restart = 'transient', shutdown = 5_000 } = this.#options
    const spec = { worker, id: this.#prefix + key, restart, shutdown, dynamic: true, context: context(key) }
    return spec as WorkerSpec<Context, Calls>
  }
}
