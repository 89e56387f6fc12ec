import { type Channel, Socket } from 'phoenix'
import { fetchSession, signIn } from './api.ts'
import { type Connection, reconnectDelay } from './connection.ts'
import { isSignedOut, type Session } from './session.ts'
import { memoryStore, type Store } from './store.ts'
import { apiHeaders, authToken, keepToken } from './token.ts'

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
  #isRenewing = false

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

  /**
   * Renew the token, which expires in `leftMs`, on the open connection; tell the user if the page cannot. Every joined
   * channel gets the server's warning: only the first is answered.
   */
  async expiring(channel: Channel, leftMs: number): Promise<void> {
    if (this.#isRenewing) return
    this.#isRenewing = true
    const isRenewed = await this.#renew(channel)
    this.#isRenewing = false
    if (!isRenewed && this.socket.isConnected()) this.#options.show({ state: 'expiring', leftMs })
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

  /** Sign in again where the server offers it. Resolves with whether the server took the new token. */
  async #renew(channel: Channel): Promise<boolean> {
    const { canSignIn = false, user = null, rooms = null } = this.#session ?? {}
    // A sign-in gives no private rooms, so it cannot replace the token of a user who has some.
    if (!canSignIn || user === null || rooms !== null) return false
    const token = await signIn(user.name)
    // The server refuses the token of another user, who may have the same name.
    if (token === null || !(await isAccepted(channel, token))) return false
    keepToken(token, this.#options.store)
    return true
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

/** Send a fresh token. Resolves with whether the server accepts it. */
function isAccepted(channel: Channel, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    channel
      .push('refresh_token', { token })
      .receive('ok', () => resolve(true))
      .receive('error', () => resolve(false))
      .receive('timeout', () => resolve(false))
  })
}
