import { EngineError } from '../errors.ts'
import { type Argument, type Client, copyOf, type ReplyForm, type Template } from './client.ts'
import { askRunDigits, loadScripts } from './prepare.ts'
import { probe, type WrongServerError } from './probe.ts'
import { ReconnectingClient } from './reconnecting-client.ts'
import { REPLIES } from './replies.ts'
import type { CommandsListener, Preparation, Topology } from './topology.ts'

/** Finds the server, and creates clients for it. */
export interface Finder {
  start(): void
  stop(): Promise<void>
  /** Create a client for the server. The client is not connected. */
  open(): Client | Promise<Client>
}

/** Create a finder for a server that always has the template's address. */
export function fixed(template: Template): Finder {
  return { start() {}, async stop() {}, open: () => copyOf(template) }
}

/** Topology of one Redis server. With Sentinels, the server is the current master. */
export class SingleServer implements Topology {
  readonly isSharded = false
  readonly #finder: Finder
  readonly #connection: ReconnectingClient
  #listener: CommandsListener
  #preparation: Preparation | null
  /** Latest client that has loaded the scripts, and the `runDigits` of its server (see `Topology`). */
  #prepared: { readonly client: Client; readonly runDigits: string } | null

  constructor(finder: Finder) {
    this.#finder = finder
    this.#listener = () => {}
    this.#preparation = null
    this.#prepared = null
    this.#connection = new ReconnectingClient({
      open: () => finder.open(),
      verify: (client) => this.#check(client),
      up: () => this.#listener(null),
      down: (error) => this.#listener(error),
    })
  }

  get runDigits(): string {
    return this.#prepared !== null && this.#prepared.client === this.#connection.client
      ? this.#prepared.runDigits
      : ''
  }

  prepare(preparation: Preparation): void {
    this.#preparation = preparation
  }

  start(listener: CommandsListener): void {
    this.#listener = listener
    this.#finder.start()
    this.#connection.start()
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all([this.#connection.close(graceMs), this.#finder.stop()])
  }

  send(_key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown> {
    const { client } = this.#connection
    if (client === null) return Promise.reject(new EngineError('Redis is not connected'))
    return client.sendCommand(args, REPLIES[form])
  }

  cut(_key: string, error: Error): void {
    this.#connection.cut(error)
  }

  leave(error: WrongServerError): void {
    if (this.#connection.client !== null) this.#connection.cut(error)
  }

  serverOf(): string {
    return ''
  }

  subscriber(): Client | Promise<Client> {
    return this.#finder.open()
  }

  verify(client: Client): Promise<void> {
    return probe(client)
  }

  async refresh(): Promise<void> {}

  async #check(client: Client): Promise<void> {
    await probe(client)
    if (this.#preparation === null) return
    const isNew = this.#prepared?.client !== client
    // Read `runDigits` at every heartbeat too, because they change when the server is promoted to master.
    const [runDigits] = await Promise.all([
      askRunDigits(client, this.#preparation),
      isNew ? loadScripts(client, this.#preparation) : undefined,
    ])
    this.#prepared = { client, runDigits }
  }
}
