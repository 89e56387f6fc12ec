import { OwnProcess } from '../helpers/own-process.ts'
import type { NodeCommand, NodeStatus } from './node.ts'
import type { Held, ViewRecord } from './records.ts'

/** Node of the cluster. It can be killed and started again. */
export class ClusterNode {
  readonly name: string
  readonly #script: string
  readonly #env: Record<string, string>
  #process: OwnProcess | null = null
  /** Process for the next start, which has loaded all code and waits for the command to listen. */
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

  /** Load the code of the next process, so that the next start is short even on a busy machine. */
  async prepare(): Promise<void> {
    this.#next = new OwnProcess(this.#script, this.#env)
    await this.#next.ask({ do: 'status' } satisfies NodeCommand)
  }

  /** Start the node, on its previous port if it ran before. Resolves when it listens. */
  async start(): Promise<void> {
    const port = this.#base === '' ? 0 : Number(new URL(this.#base).port)
    this.#process = this.#next ?? new OwnProcess(this.#script, this.#env)
    this.#next = null
    this.#base = await this.#ask({ do: 'listen', port })
  }

  /** Kill the node with SIGKILL. */
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

  /** Let the node make some errors. */
  err(): Promise<void> {
    return this.#ask({ do: 'err' })
  }

  async #ask<T>(command: NodeCommand): Promise<T> {
    if (this.#process === null) throw new Error(`${this.name} has not been started`)
    const { answer } = (await this.#process.ask(command)) as { answer: T }
    return answer
  }
}
