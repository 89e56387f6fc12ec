import { checkOption, rule, string } from '../../protocol/check.ts'
import type { Restart, WorkerSpec } from './child.ts'
import type { ChildHandle } from './child-handle.ts'
import type { AnyCalls, WorkerDefinition } from './define-worker.ts'
import { registryOptions } from './rules.ts'
import { Supervisor } from './supervisor.ts'

const aSupervisor = rule('a Supervisor', (value) => value instanceof Supervisor)

/** How the workers of a registry are made. */
export type RegistryOptions<Context, Calls = AnyCalls> = {
  readonly worker: WorkerDefinition<Context, Calls>
  /** Makes the context that the `init` of a key's worker is given. */
  readonly context: (key: string) => Context
  /** The ids of the children are `name:key`. Default: the worker's name. */
  readonly name?: string
  /** Default `'transient'`: restarted after a crash, gone after `{ stop: 'normal' }`. */
  readonly restart?: Restart
  /** How long one may take to end, in ms, or `Infinity`; `'brutal_kill'` = no time. Default 5000. */
  readonly shutdown?: number | 'brutal_kill'
}

/**
 * One worker for each key, e.g. for each room, started when it is first asked for: Elixir's `Registry` and
 * `DynamicSupervisor` in one. The workers are children of the supervisor; the registry has no state.
 * Keys are this node's: each node of a cluster has a worker of its own (SUPERVISE-9).
 */
export class Registry<Context, Calls = AnyCalls> {
  readonly #supervisor: Supervisor
  readonly #options: RegistryOptions<Context, Calls>
  readonly #prefix: string

  /** @throws UsageError with `PHX_ERR_OPTION` without a supervisor, a `worker` or a function `context`. */
  constructor(supervisor: Supervisor, options: RegistryOptions<Context, Calls>) {
    checkOption('registry: the supervisor', supervisor, aSupervisor)
    checkOption('registry', options, registryOptions)
    this.#supervisor = supervisor
    this.#options = options
    this.#prefix = `${options.name ?? options.worker.name}:`
  }

  /**
   * The key's worker, started if it is not running; callers at the same time get the same one. Rejects when
   * its `init` fails or the supervisor stops.
   */
  async ensure(key: string): Promise<ChildHandle<Calls>> {
    checkOption('registry.ensure(): the key', key, string)
    return this.#supervisor.ensureChild(this.#spec(key))
  }

  /** The key's worker, if it has one, as `Registry.lookup/2`; null otherwise. */
  whereis(key: string): ChildHandle<Calls> | null {
    checkOption('registry.whereis(): the key', key, string)
    // Children with this prefix are of this registry's worker, whose calls these are.
    return this.#supervisor.whereis(this.#prefix + key) as ChildHandle<Calls> | null
  }

  /** The keys that have a worker, in the order of their start. */
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
