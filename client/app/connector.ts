import { Socket } from 'phoenix'
import { fetchSession } from './api.ts'
import { type Connection, reconnectDelay } from './connection.ts'
import { isSignedOut, type Session } from './session.ts'
import { memoryStore, type Store } from './store.ts'
import { apiHeaders, authToken } from './token.ts'

/** Where the connector reports to. */
export type ConnectorOptions = {
  readonly store: Store
  /** Called with each new state. */
  show(connection: Connection): void
  /** Called when the server has said whose token the page has. */
  session(session: Session): void
  /** The network is gone; phoenix.js would notice at its next heartbeat. */
  interrupted(): void
}

/**
 * The connection of the page. A browser does not tell a page why its socket was refused, so the server is asked
 * over HTTP whenever a connection fails: a page without a good token waits for one instead of trying again.
 */
export class Connector {
  readonly socket: Socket
  readonly #options: ConnectorOptions
  #session: Session | null = null
  /** The token of the question that has no answer yet; null if there is none. */
  #asked: string | null = null

  constructor(options: ConnectorOptions) {
    this.#options = options
    const { store } = options
    this.socket = new Socket(addressOf('socket'), {
      // Asked for again with every attempt: a token may have been replaced meanwhile.
      // A function, which the client takes though its types do not say so.
      authToken: (() => authToken(store)) as unknown as string,
      // Where the browser forbids to store, reading the global `sessionStorage` throws.
      sessionStorage: memoryStore(),
      reconnectAfterMs: (attempt) => this.#retryIn(reconnectDelay(attempt)),
    })
    this.socket.onOpen(() => options.show({ state: 'connected' }))
  }

  /** Whether the server turns the page away until it has another token. */
  get isSignedOut(): boolean {
    return isSignedOut(this.#session)
  }

  get session(): Session | null {
    return this.#session
  }

  /** Ask whose token the page has; settles when the answer is there, or cannot be had. */
  async ask(): Promise<void> {
    const { store, session } = this.#options
    const token = authToken(store)
    if (this.#asked === token) return
    this.#asked = token
    const answer = await fetchSession(apiHeaders(store))
    // Another token has been asked about since.
    if (this.#asked !== token) return
    this.#asked = null
    if (answer === null) return
    this.#session = answer
    session(answer)
    if (this.isSignedOut) this.#signOut(token !== '')
  }

  /** Connect, unless the server would refuse. */
  connect(): void {
    if (!this.isSignedOut) this.socket.connect()
  }

  /** Connect now, with the token that the page has now. */
  async restart(): Promise<void> {
    this.#options.show({ state: 'connecting' })
    // phoenix.js has no "retry now": a new connection is made when the old one is done with.
    await new Promise<void>((resolve) => this.socket.disconnect(resolve))
    await this.ask()
    this.connect()
  }

  /** Follow the browser, which knows at once when the network goes and comes. */
  watchNetwork(): void {
    addEventListener('offline', () => {
      this.socket.disconnect()
      this.#options.interrupted()
      if (!this.isSignedOut) this.#options.show({ state: 'offline' })
    })
    addEventListener('online', () => void this.restart())
  }

  #retryIn(delay: number): number {
    // A closing connection may report late.
    if (!this.isSignedOut && navigator.onLine) {
      this.#options.show({ state: 'lost', retryAt: Date.now() + delay })
      void this.ask()
    }
    return delay
  }

  #signOut(hadToken: boolean): void {
    this.socket.disconnect()
    this.#options.show({ state: 'signed-out', hadToken })
  }
}

/** The path of an address below that of the page. */
function addressOf(path: string): string {
  return new URL(path, location.href).pathname
}
