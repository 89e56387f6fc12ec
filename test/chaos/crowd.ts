import { OwnProcess } from '../helpers/own-process.ts'
import type { ClientPlan } from './client.ts'
import type { ClientsCommand } from './clients.ts'
import type { ClientRecord, ViewRecord } from './records.ts'

/** Clients of a run, in a separate process that ends with the test. */
export class Crowd {
  readonly plans: readonly ClientPlan[]
  readonly #process: OwnProcess

  constructor(script: string, plans: readonly ClientPlan[]) {
    this.plans = plans
    this.#process = new OwnProcess(script)
  }

  get ids(): string[] {
    return this.plans.map(({ id }) => id)
  }

  get rooms(): string[] {
    return [...new Set(this.plans.map(({ room }) => room))]
  }

  /** Start to join. Resolves before the clients have joined. */
  join(): Promise<null> {
    return this.#ask({ do: 'join', plans: this.plans })
  }

  talk(everyMs: number, burst: number): Promise<null> {
    return this.#ask({ do: 'talk', everyMs, burst })
  }

  hush(): Promise<null> {
    return this.#ask({ do: 'hush' })
  }

  /** Stays of the clients that consider themselves joined: `id/stay`. */
  stays(): Promise<string[]> {
    return this.#ask({ do: 'stays' })
  }

  views(): Promise<ViewRecord[]> {
    return this.#ask({ do: 'views' })
  }

  records(): Promise<ClientRecord[]> {
    return this.#ask({ do: 'record' })
  }

  /** Leave the rooms and disconnect. */
  leave(): Promise<null> {
    return this.#ask({ do: 'leave' })
  }

  async #ask<T>(command: ClientsCommand): Promise<T> {
    const { answer } = (await this.#process.ask(command)) as { answer: T }
    return answer
  }
}
