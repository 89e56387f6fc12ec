import { EngineError } from '../errors.ts'
import { type Client, copyOf, type Template } from './client.ts'
import { Line } from './line.ts'
import type { Finder } from './single-server.ts'

/** How long one Sentinel may take, in ms. */
const ASK_MS = 1_000

/** The server that Sentinels name, and copies of a client for it. */
export class Sentinels implements Finder {
  readonly #name: string
  readonly #template: Template
  readonly #sentinels: readonly Template[]
  /** Where the clients that were made last have their server, for as long as they are connected. */
  readonly #clients: Map<Client, string>
  readonly #watch: Line
  #first: number

  /** @param name under which the Sentinels know the server, which `template` has all but the address of. */
  constructor(name: string, template: Template, sentinels: readonly Template[]) {
    this.#name = name
    this.#template = template
    this.#sentinels = sentinels
    this.#clients = new Map()
    this.#first = 0
    this.#watch = new Line({
      open: () => copyOf(this.#next()),
      verify: async (client) => void (await client.sendCommand(['PING'])),
      up: (client) => void this.#listen(client),
      down: () => {},
    })
  }

  /** Hear of it when another server takes over, also if the present one does not: it may be cut off. */
  start(): void {
    this.#watch.start()
  }

  stop(): Promise<void> {
    return this.#watch.close()
  }

  /** A client for the server that the Sentinels name now, not connected. */
  async open(): Promise<Client> {
    const [host, port] = await this.#ask()
    const client = copyOf(this.#template, { host, port: Number(port) })
    this.#clients.set(client, `${host} ${port}`)
    client.on('end', () => this.#clients.delete(client))
    client.on('error', () => this.#clients.delete(client))
    return client
  }

  async #ask(): Promise<[host: string, port: string]> {
    let reason: unknown
    for (const _sentinel of this.#sentinels) {
      const client = copyOf(this.#next())
      try {
        return await this.#answerOf(client)
      } catch (error) {
        reason = error
      } finally {
        if (client.isOpen) client.destroy()
      }
    }
    throw new EngineError(`no Sentinel knows the server of "${this.#name}"`, { cause: reason })
  }

  async #answerOf(client: Client): Promise<[host: string, port: string]> {
    const timer = setTimeout(() => {
      if (client.isOpen) client.destroy()
    }, ASK_MS)
    try {
      client.on('error', ignore)
      await client.connect()
      const reply = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name])
      if (!Array.isArray(reply)) throw new EngineError(`a Sentinel does not know "${this.#name}"`)
      return [String(reply[0]), String(reply[1])]
    } finally {
      clearTimeout(timer)
    }
  }

  /** One after the other, so that one that is away costs little. */
  #next(): Template {
    this.#first = (this.#first + 1) % this.#sentinels.length
    const sentinel = this.#sentinels[this.#first]
    if (sentinel === undefined) throw new EngineError('there is no Sentinel')
    return sentinel
  }

  async #listen(client: Client): Promise<void> {
    try {
      await client.subscribe(['+switch-master'], (message) => this.#switched(message.toString()), true)
    } catch (error) {
      this.#watch.cut(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #switched(message: string): void {
    const [name, , , host, port] = message.split(' ')
    if (name !== this.#name) return
    for (const [client, address] of this.#clients) {
      if (address !== `${host} ${port}` && client.isOpen) client.destroy()
    }
  }
}

/** Whoever waits for the client hears of it too. */
function ignore(): void {}
