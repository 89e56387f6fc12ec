import { OwnProcess } from '../helpers/own-process.ts'
import type { NodeCommand, NodeStatus } from './node.ts'
import type { Held, ViewRecord } from './records.ts'

/** One node of the cluster, through all its lives. */
export class ClusterNode {
  readonly name: string
  readonly #script: string
  readonly #env: Record<string, string>
  #process: OwnProcess | null = null
  /** Has loaded all code, and waits to be told to listen. */
  #next: OwnProcess | null = null
  #base = ''

  constructor(name: string, script: string, env: Record<string, string>) {
    this.name = name
    this.#script = script
    this.#env = { ...env, NODE_NAME: name }
  }

  get base(): string {
    return this.#base
  }

  /** Make the next start short, also on a busy machine. */
  async prepare(): Promise<void> {
    this.#next = new OwnProcess(this.#script, this.#env)
    await this.#next.ask({ do: 'status' } satisfies NodeCommand)
  }

  /** Start it, where it was if it ran before; done when it listens. */
  async start(): Promise<void> {
    const port = this.#base === '' ? 0 : Number(new URL(this.#base).port)
    this.#process = this.#next ?? new OwnProcess(this.#script, this.#env)
    this.#next = null
    this.#base = await this.#ask({ do: 'listen', port })
  }

  /** End it without a word. */
  async kill(): Promise<void> {
    this.#process?.child.kill('SIGKILL')
    await this.#process?.exited
  }

  status(): Promise<NodeStatus> {
    return this.#ask({ do: 'status' })
  }

  views(rooms: readonly string[]): Promise<ViewRecord[]> {
    return this.#ask({ do: 'views', rooms })
  }

  held(): Promise<Held> {
    return this.#ask({ do: 'held' })
  }

  /** Have it do some things wrong. */
  err(): Promise<void> {
    return this.#ask({ do: 'err' })
  }

  async #ask<T>(command: NodeCommand): Promise<T> {
    if (this.#process === null) throw new Error(`${this.name} has not been started`)
    const { answer } = (await this.#process.ask(command)) as { answer: T }
    return answer
  }
}
