import { type Channel, Socket } from 'phoenix'
import { fetchSession, signIn } from './api.ts'
import { type Connection, reconnectDelay } from './connection.ts'
import { isSignedOut, type Session } from './session.ts'
import { memoryStore, type Store } from './store.ts'
import { apiHeaders, authToken, keepToken } from './token.ts'

/** Options of the connector, and the callbacks that the connector calls. */
export type ConnectorOptions = {
  readonly store: Store
  /** Called with each new state of the connection. */
  show(connection: Connection): void
  /** Called with each response of the server about the page's token. */
  session(session: Session): void
  /** Called when the browser reports that the network is lost. */
  interrupted(): void
}

/**
 * Connection of the page. A browser does not tell a page why the server refused a connection. So whenever a connection
 * fails, the connector asks the server over HTTP whether the page's token is valid. If the token is missing or invalid,
 * the connector waits for a new token instead of connecting again.
 */
export class Connector {
  readonly socket: Socket
  readonly #options: ConnectorOptions
  /** Latest response about the page's token; null while the server has not answered. */
  #session: Session | null = null
  /** Token of the pending request; null if no request is pending. */
  #asked: string | null = null
  #isRenewing = false

  constructor(options: ConnectorOptions) {
    this.#options = options
    const { store } = options
    this.socket = new Socket(addressOf('socket'), {
      // A function, because the token can change between two attempts to connect. phoenix.js accepts a function,
      // although its types declare only a string.
      authToken: (() => authToken(store)) as unknown as string,
      // If the browser forbids storage, reading the global `sessionStorage` throws.
      sessionStorage: memoryStore(),
      reconnectAfterMs: (attempt) => this.#retryIn(reconnectDelay(attempt)),
    })
    this.socket.onOpen(() => {
      options.show({ state: 'connected' })
      if (this.#session === null) void this.ask()
    })
  }

  /** True if the server requires a token and the page has no valid token. */
  get isSignedOut(): boolean {
    return isSignedOut(this.#session)
  }

  get session(): Session | null {
    return this.#session
  }

  /**
   * Ask the server which user the page's token is for. Resolves when the response has arrived or the request has
   * failed. If a request with this token is already pending, resolves at once.
   */
  async ask(): Promise<void> {
    const { store, session } = this.#options
    const token = authToken(store)
    if (this.#asked === token) return
    this.#asked = token
    const answer = await fetchSession(apiHeaders(store))
    // Ignore the response if a request with another token was sent in the meantime.
    if (this.#asked !== token) return
    this.#asked = null
    // Another tab may have signed in or out in the meantime.
    if (authToken(store) !== token) return this.ask()
    if (answer === null) return
    this.#session = answer
    session(answer)
    if (this.isSignedOut) this.#signOut(token !== '')
  }

  /** Connect, unless the server would refuse the page's token. */
  connect(): void {
    if (!this.isSignedOut) this.socket.connect()
  }

  /** Reconnect now, with the page's current token. */
  async restart(): Promise<void> {
    this.#options.show({ state: 'connecting' })
    // phoenix.js has no function for an immediate retry, so disconnect and connect again.
    await new Promise<void>((resolve) => this.socket.disconnect(resolve))
    // Forget the response about an earlier token. Otherwise, if the request fails, the page would not connect.
    this.#session = null
    await this.ask()
    this.connect()
  }

  /**
   * Renew the token without reconnecting. The token expires in `leftMs` milliseconds. If the renewal fails, show the
   * user that the token expires soon. Called for each joined channel, because the server warns each channel. During a
   * renewal, further calls have no effect.
   */
  async expiring(channel: Channel, leftMs: number): Promise<void> {
    if (this.#isRenewing) return
    this.#isRenewing = true
    const isRenewed = await this.#renew(channel)
    this.#isRenewing = false
    if (!isRenewed && this.socket.isConnected()) this.#options.show({ state: 'expiring', leftMs })
  }

  /** Disconnect when the browser reports that the network is lost, and reconnect when the network is back. */
  watchNetwork(): void {
    addEventListener('offline', () => {
      this.socket.disconnect()
      this.#options.interrupted()
      if (!this.isSignedOut) this.#options.show({ state: 'offline' })
    })
    addEventListener('online', () => void this.restart())
  }

  #retryIn(delay: number): number {
    // If the page is signed out or offline, do not show the state `lost`.
    if (!this.isSignedOut && navigator.onLine) {
      this.#options.show({ state: 'lost', retryAt: Date.now() + delay })
      void this.ask()
    }
    return delay
  }

  /** Sign in again, if the server offers a sign-in. Resolves with true if the server accepted the new token. */
  async #renew(channel: Channel): Promise<boolean> {
    const { canSignIn = false, user = null, rooms = null } = this.#session ?? {}
    // The token of a sign-in gives no access to private rooms, so it cannot replace a token that lists rooms.
    if (!canSignIn || user === null || rooms !== null) return false
    const token = await signIn(user.name)
    // The sign-in identifies a user only by name, so the new token can be for another user with the same name. The
    // server then refuses the new token.
    if (token === null || !(await isAccepted(channel, token))) return false
    keepToken(token, this.#options.store)
    return true
  }

  #signOut(hadToken: boolean): void {
    this.socket.disconnect()
    this.#options.show({ state: 'signed-out', hadToken })
  }
}

/** Resolve a path relative to the page's URL. */
function addressOf(path: string): string {
  return new URL(path, location.href).pathname
}

/** Send a new token. Resolves with true if the server accepts it. */
function isAccepted(channel: Channel, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    channel
      .push('refresh_token', { token })
      .receive('ok', () => resolve(true))
      .receive('error', () => resolve(false))
      .receive('timeout', () => resolve(false))
  })
}
