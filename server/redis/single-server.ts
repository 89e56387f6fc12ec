import { EngineError } from '../errors.ts'
import { type Argument, type Client, copyOf, type ReplyForm, type Template } from './client.ts'
import { Line } from './line.ts'
import { probe, type WrongServerError } from './probe.ts'
import { REPLIES } from './replies.ts'
import type { CommandsListener, Topology } from './topology.ts'

/** Finds the server. */
export interface Finder {
  start(): void
  stop(): Promise<void>
  /** A client for it, not connected. */
  open(): Client | Promise<Client>
}

/** The server that the template has the address of. */
export function fixed(template: Template): Finder {
  return { start() {}, async stop() {}, open: () => copyOf(template) }
}

/** One Redis server, whichever it is at the moment. */
export class SingleServer implements Topology {
  readonly isSharded = false
  readonly #finder: Finder
  readonly #line: Line
  #listener: CommandsListener

  constructor(finder: Finder) {
    this.#finder = finder
    this.#listener = () => {}
    this.#line = new Line({
      open: () => finder.open(),
      verify: probe,
      up: () => this.#listener(null),
      down: (error) => this.#listener(error),
    })
  }

  start(listener: CommandsListener): void {
    this.#listener = listener
    this.#finder.start()
    this.#line.start()
  }

  async stop(graceMs: number): Promise<void> {
    await Promise.all([this.#line.close(graceMs), this.#finder.stop()])
  }

  send(_key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown> {
    const { client } = this.#line
    if (client === null) return Promise.reject(new EngineError('Redis is away'))
    return client.sendCommand(args, REPLIES[form])
  }

  cut(_key: string, error: Error): void {
    this.#line.cut(error)
  }

  leave(error: WrongServerError): void {
    if (this.#line.client !== null) this.#line.cut(error)
  }

  homeOf(): string {
    return ''
  }

  subscriber(): Client | Promise<Client> {
    return this.#finder.open()
  }

  verify(client: Client): Promise<void> {
    return probe(client)
  }

  async refresh(): Promise<void> {}
}
