import { EngineError } from '../errors.ts'
import { ignore } from '../runtime/promise.ts'
import { type Client, copyOf, type Template } from './client.ts'
import { ReconnectingClient } from './reconnecting-client.ts'
import type { Finder } from './single-server.ts'

/** Maximum time for the reply of one Sentinel, in milliseconds. */
const ASK_MS = 1_000

/** Asks the Sentinels for the current master, and creates clients for this master. */
export class Sentinels implements Finder {
  readonly #name: string
  readonly #template: Template
  readonly #sentinels: readonly Template[]
  /** Clients that `open` has created and that have not failed or ended, each with `<host> <port>` of its server. */
  readonly #clients: Map<Client, string>
  readonly #watch: ReconnectingClient
  #first: number

  /**
   * @param name name under which the Sentinels monitor the master. @param template options of the master's clients,
   * without the address.
   */
  constructor(name: string, template: Template, sentinels: readonly Template[]) {
    this.#name = name
    this.#template = template
    this.#sentinels = sentinels
    this.#clients = new Map()
    this.#first = 0
    this.#watch = new ReconnectingClient({
      open: () => copyOf(this.#next()),
      verify: async (client) => void (await client.sendCommand(['PING'])),
      up: (client) => void this.#listen(client),
      down: () => {},
    })
  }

  /**
   * Subscribe to the failover messages of a Sentinel, because an old master in a network partition does not report that
   * another master has replaced it.
   */
  start(): void {
    this.#watch.start()
  }

  stop(): Promise<void> {
    return this.#watch.close()
  }

  /** Create a client for the current master. The client is not connected. */
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
    throw new EngineError(`no Sentinel returned an address for the master "${this.#name}"`, { cause: reason })
  }

  async #answerOf(client: Client): Promise<[host: string, port: string]> {
    const timer = setTimeout(() => {
      if (client.isOpen) client.destroy()
    }, ASK_MS)
    try {
      // Without a listener, an `error` event would end the process. `connect` rejects with the same error.
      client.on('error', ignore)
      await client.connect()
      const reply = await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name])
      if (!Array.isArray(reply)) {
        const hint = 'the host of `url` must be the name of the master'
        throw new EngineError(`a Sentinel monitors no master named "${this.#name}"; ${hint}`)
      }
      return [String(reply[0]), String(reply[1])]
    } finally {
      clearTimeout(timer)
    }
  }

  /** Return the next Sentinel, in rotation, so that an unavailable Sentinel is not tried first every time. */
  #next(): Template {
    this.#first = (this.#first + 1) % this.#sentinels.length
    const sentinel = this.#sentinels[this.#first]
    if (sentinel === undefined) throw new EngineError('RedisEngine: `sentinels` must list at least one URL')
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
