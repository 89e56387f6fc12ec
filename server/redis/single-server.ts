import { RESP_TYPES } from 'redis'
import { EngineError } from '../errors.ts'
import type { Argument, Client, ReplyForm } from './client.ts'
import { Line } from './line.ts'
import type { CommandsListener, Topology } from './topology.ts'

/** One Redis server, whichever it is at the moment. */
export class SingleServer implements Topology {
  readonly isSharded = false
  readonly #connectable: () => Client | Promise<Client>
  readonly #line: Line
  #listener: CommandsListener

  /** @param connectable a new client for the server, not connected, that does not reconnect by itself. */
  constructor(connectable: () => Client | Promise<Client>) {
    this.#connectable = connectable
    this.#listener = () => {}
    this.#line = new Line({
      open: connectable,
      up: () => this.#listener(null),
      down: (error) => this.#listener(error),
    })
  }

  start(listener: CommandsListener): void {
    this.#listener = listener
    this.#line.start()
  }

  stop(graceMs: number): Promise<void> {
    return this.#line.close(graceMs)
  }

  send(_key: string, args: readonly Argument[], form: ReplyForm): Promise<unknown> {
    const { client } = this.#line
    if (client === null) return Promise.reject(new EngineError('Redis is away'))
    return client.sendCommand(args, REPLIES[form])
  }

  cut(_key: string, error: Error): void {
    this.#line.cut(error)
  }

  homeOf(): string {
    return ''
  }

  subscriber(): Client | Promise<Client> {
    return this.#connectable()
  }

  async refresh(): Promise<void> {}
}

/** A map is a flat array, as scripts return it too. */
const REPLIES = {
  strings: { typeMapping: { [RESP_TYPES.MAP]: Array } },
  buffers: { typeMapping: { [RESP_TYPES.MAP]: Array, [RESP_TYPES.BLOB_STRING]: Buffer } },
} as const
