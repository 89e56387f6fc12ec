import { ErrorReply } from 'redis'
import { EngineError } from '../errors.ts'
import { type Client, CONNECT_MS } from './client.ts'

/** What a line is made of, and who hears of it. */
export interface LineOwner {
  /** A new client, not connected, that does not reconnect by itself. */
  open(): Client | Promise<Client>
  /** Ask the server, at first and at every heartbeat. Rejects when it is the wrong one. */
  verify(client: Client): Promise<void>
  up(client: Client): void
  /** The connection is lost, or another attempt has failed. */
  down(error: Error): void
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2_000
const PING_MS = 5_000
const UNANSWERED_PINGS = 2

/**
 * A connection to one Redis server, opened again, after pauses that grow, until it is closed. Each is a
 * client of its own: nothing of a lost connection, no queue and no subscription, lives on in the next.
 */
export class Line {
  readonly #owner: LineOwner
  #client: Client | null
  #isUp: boolean
  #isClosed: boolean
  #failures: number
  #unanswered: number
  #timer: NodeJS.Timeout | null
  #pings: NodeJS.Timeout | null

  constructor(owner: LineOwner) {
    this.#owner = owner
    this.#client = null
    this.#isUp = false
    this.#isClosed = false
    this.#failures = 0
    this.#unanswered = 0
    this.#timer = null
    this.#pings = null
  }

  /** The connected client. */
  get client(): Client | null {
    return this.#isUp ? this.#client : null
  }

  /** Nothing is known of the server yet, or it was there a moment ago. */
  get isHopeful(): boolean {
    return this.#isUp || (this.#failures === 0 && !this.#isClosed)
  }

  start(): void {
    void this.#connect()
  }

  /** Give up the present connection, and open another. */
  cut(error: Error): void {
    if (this.#client !== null) this.#lose(this.#client, error)
  }

  /** Disconnect for good; what was written is answered first, for at most `graceMs` milliseconds. */
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
      // It may have been closed while the server was looked up.
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

  /** TCP alone may take a quarter of an hour to notice that nobody is there. */
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
        // An error is an answer too, and so a sign of life.
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
    // Nodes that lost a server together do not come back in one moment.
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
