import { ErrorReply } from 'redis'
import { EngineError } from '../errors.ts'
import { type Client, CONNECT_MS } from './client.ts'

/** Options of a `ReconnectingClient`: functions that create and check its clients, and listeners to its state. */
export interface ReconnectingClientOptions {
  /** Create a client. The `ReconnectingClient` connects the client, which must not reconnect by itself. */
  open(): Client | Promise<Client>
  /** Check the server, after connecting and at every heartbeat. Rejects if the server cannot serve. */
  verify(client: Client): Promise<void>
  up(client: Client): void
  /** Called when the connection is lost, or an attempt to connect has failed. */
  down(error: Error): void
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
const PING_MS = 5_000
const UNANSWERED_PINGS = 2

/**
 * Connection to one Redis server, which reconnects with exponential backoff until it is closed. Each attempt uses a new
 * client, so that no queue and no subscription of a lost connection survives.
 */
export class ReconnectingClient {
  readonly #owner: ReconnectingClientOptions
  #client: Client | null
  #isUp: boolean
  #isClosed: boolean
  #failures: number
  #unanswered: number
  #timer: NodeJS.Timeout | null
  #pings: NodeJS.Timeout | null

  constructor(owner: ReconnectingClientOptions) {
    this.#owner = owner
    this.#client = null
    this.#isUp = false
    this.#isClosed = false
    this.#failures = 0
    this.#unanswered = 0
    this.#timer = null
    this.#pings = null
  }

  /** Connected client; null while not connected. */
  get client(): Client | null {
    return this.#isUp ? this.#client : null
  }

  /** True if the connection is up, or the first attempt to connect has not failed yet. */
  get canConnect(): boolean {
    return this.#isUp || (this.#failures === 0 && !this.#isClosed)
  }

  start(): void {
    void this.#connect()
  }

  /** Drop the connection. A new connection is opened after a pause. */
  cut(error: Error): void {
    if (this.#client !== null) this.#lose(this.#client, error)
  }

  /** Disconnect for good. Waits at most `graceMs` milliseconds for the replies to sent commands. */
  async close(graceMs = 0): Promise<void> {
    const client = this.#client
    const wasUp = this.#isUp
    this.#isClosed = true
    this.#forget()
    if (client === null || !client.isOpen) return
    if (!wasUp || graceMs === 0) return client.destroy()
    const timer = setTimeout(() => client.destroy(), graceMs)
    await client.close()
    clearTimeout(timer)
  }

  async #connect(): Promise<void> {
    this.#timer = null
    let client: Client | null = null
    try {
      client = await this.#owner.open()
      // `close` may have been called during the lookup of the server.
      if (this.#isClosed) return
      await this.#open(client)
    } catch (error) {
      if (this.#client === client)
        this.#lose(client, error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #open(client: Client): Promise<void> {
    this.#client = client
    client.on('error', (error) => this.#lose(client, error))
    client.on('end', () => this.#lose(client, new EngineError('the connection was closed')))
    this.#timer = setTimeout(
      () => this.#lose(client, new EngineError(`Redis did not answer within ${CONNECT_MS} ms`)),
      CONNECT_MS,
    )
    await client.connect()
    await this.#owner.verify(client)
    if (this.#client !== client) return
    clearTimeout(this.#timer)
    this.#timer = null
    this.#isUp = true
    this.#failures = 0
    this.#unanswered = 0
    this.#pings = setInterval(() => this.#ping(client), PING_MS)
    this.#owner.up(client)
  }

  /** Check the server at a heartbeat. Without heartbeats, TCP may need 15 minutes to detect a dead connection. */
  #ping(client: Client): void {
    if (this.#unanswered === UNANSWERED_PINGS) {
      return this.#lose(client, new EngineError(`Redis was silent for ${UNANSWERED_PINGS * PING_MS} ms`))
    }
    this.#unanswered += 1
    this.#owner.verify(client).then(
      () => {
        this.#unanswered = 0
      },
      (error: Error) => {
        // An error reply also shows that the server is alive.
        if (error instanceof ErrorReply) this.#unanswered = 0
        else this.#lose(client, error)
      },
    )
  }

  #lose(client: Client | null, error: Error): void {
    if (client !== this.#client || this.#isClosed) return
    this.#forget()
    if (client?.isOpen) client.destroy()
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS)
    this.#failures += 1
    // Jitter: nodes that lost a server at the same time should not all reconnect at the same time.
    this.#timer = setTimeout(() => void this.#connect(), pause * (0.5 + Math.random() / 2))
    this.#owner.down(error)
  }

  #forget(): void {
    this.#client = null
    this.#isUp = false
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#pings !== null) clearInterval(this.#pings)
    this.#timer = null
    this.#pings = null
  }
}
