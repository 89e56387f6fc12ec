import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BurstQueue, type QueueEntry, steadySlice } from '../limits/burst-queue.ts'
import { ignore } from '../runtime/promise.ts'
import { completeInjected } from './injected-upgrade.ts'
import { pathOf, type RouteMatch } from './route-finder.ts'

// Problem: after an upgrade request, Node stops reading the connection and does not notice when the client hangs up. If
// the upgrade then gets a plain response or none at all, nothing closes the connection. Several listeners for
// `upgrade`, of mounts and of other libraries, may answer the same request.
//
// Approach: the gate intercepts each upgrade when the server emits it, finds the mount, and emits the upgrade to that
// mount alone. All upgrades that are not for a mount go to the other listeners. If there are no other listeners, the
// gate answers WebSocket upgrades with 404, and lets Node serve offers of other protocols, such as h2c, as plain
// requests. A draining server refuses upgrades for mounts with a Retry-After.
//
// Invariant: the gate owns the connection of an upgrade that it takes over, until the connection is closed or Node
// serves the upgrade as a plain request. The gate hands over an upgrade only after all earlier requests of the
// connection are answered. The gate ends a connection after a plain response, destroys a connection that no listener
// has taken over, and ends the remaining connections when the server has stopped.

/** Seconds after which a refused client should retry. Sent as `Retry-After` while the server stops. */
export const RETRY_AFTER_SECONDS = 1
/** Maximum time from the server's close frame to the client's close frame, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 5_000

type Upgrade = { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export type UpgradeGateOptions = {
  /** Returns true while the server drains and refuses upgrades. */
  readonly isDraining: () => boolean
  /**
   * Finds the route that a request matches. If a mount (socket path) owns the route, removes empty segments from the
   * request's URL.
   */
  readonly find: (request: IncomingMessage) => RouteMatch
  /** Called with the URL of a WebSocket upgrade that no listener handles, and with the paths of all mounts. */
  readonly onUnclaimed?: (url: string, mounts: readonly string[]) => void
}

/**
 * Takes over upgrade requests for mounts, and owns their connections; see the top of this file.
 */
export class UpgradeGate {
  readonly #options: UpgradeGateOptions
  /** Event emitter of each mount, by the path of the mount's route. It emits the `upgrade` events of the mount. */
  readonly #mounts: Map<string, EventEmitter>
  /** Connections that the gate owns, and whether each has become a WebSocket. */
  readonly #owned: Map<Duplex, boolean>
  /** Spreads bursts of opened and closed connections over several event-loop turns (LIMIT-4). */
  readonly admission: BurstQueue

  constructor(options: UpgradeGateOptions) {
    this.#options = options
    this.#mounts = new Map()
    this.#owned = new Map()
    this.admission = new BurstQueue({ maxWaiting: Infinity, maxWait: Infinity, nextSlice: steadySlice })
  }

  /** Number of connections that the gate owns. */
  get size(): number {
    return this.#owned.size
  }

  /**
   * Create an event emitter that a mount uses instead of the HTTP server. The emitter emits only the `upgrade` events
   * of the mount's route.
   */
  mount(path: string): EventEmitter {
    const emitter = new EventEmitter()
    this.#mounts.set(path, emitter)
    return emitter
  }

  /**
   * Intercept the server's upgrades by overriding `emit`, because a listener cannot hide an event from other listeners.
   * Upgrades for mounts are hidden from other listeners. Only listeners before the gate's listener get these upgrades,
   * for example listeners that instrumentation has prepended.
   */
  attach(server: Server): void {
    const { emit } = server
    server.emit = (...args: unknown[]): boolean => {
      if (args[0] === 'upgrade') {
        const upgrade = args.slice(1) as Parameters<UpgradeListener>
        if (this.#take(upgrade, () => showPrepended(server, listener, upgrade))) return true
      }
      return Reflect.apply(emit, server, args)
    }
    // A listener is needed, because Node emits `upgrade` only if there is one.
    const listener: UpgradeListener & Marked = (request, socket, head) => {
      if (isUnclaimed(server, listener)) this.#answerUnclaimed(server, { request, socket, head })
    }
    listener[OF_A_GATE] = this.#mounts
    server.prependListener('upgrade', listener)
    declineUpgrades(
      server,
      (request) => !isWebSocket(request) && hasBody(request) && isUnclaimed(server, listener),
    )
  }

  /** Record that a connection has become a WebSocket. */
  upgraded(socket: Duplex): void {
    if (this.#owned.has(socket)) this.#owned.set(socket, true)
  }

  /**
   * End the connections that the gate still owns. Otherwise closing the server would wait for these connections,
   * possibly forever (DRAIN-5).
   */
  end(): void {
    for (const [socket, isUpgraded] of this.#owned) {
      if (isUpgraded) continue
      // If a response has begun, a second response must not be sent.
      const isBegun = responseOn(socket)?.headersSent === true || socket.writableLength > 0
      if (isBegun) socket.destroy()
      else refuse(socket)
    }
    // Wait, because the clients of the WebSockets have just been sent a close frame and may answer it.
    setTimeout(() => {
      for (const [socket, isUpgraded] of this.#owned) if (isUpgraded) socket.destroy()
    }, CLOSE_TIMEOUT_MS).unref()
  }

  /**
   * Take over an upgrade that is for a mount, or whose URL Fastify's router refuses. Returns false for all other
   * upgrades. Before the takeover, calls `show`, which passes the upgrade to the listeners that other libraries have
   * prepended.
   */
  #take([request, socket, head]: Parameters<UpgradeListener>, show: () => void): boolean {
    if (!isWebSocket(request)) return false
    completeInjected(request, socket)
    const { path, isRefused } = this.#options.find(request)
    // A URL that Fastify's router refuses belongs to no mount. Pass the upgrade to any mount, so that the router
    // refuses the URL again and Fastify sends the error response.
    const mount = isRefused ? this.#mounts.values().next().value : this.#mounts.get(path ?? '')
    if (mount === undefined) return false
    // Remove the query, which can contain a token, because the application may log the URL of the refused request.
    if (isRefused) request.url = pathOf(request.url ?? '/')
    show()
    this.#own(socket)
    const arrival = new Arrival(mount, { request, socket, head }, this.#options.isDraining)
    afterResponses(socket, () => this.admission.enter(arrival))
    return true
  }

  #answerUnclaimed(server: Server, upgrade: Upgrade): void {
    const { request, socket } = upgrade
    this.#own(socket)
    afterResponses(socket, () => {
      if (isWebSocket(request)) {
        this.#options.onUnclaimed?.(request.url ?? '/', mountsOf(server))
        return respond(socket, '404 Not Found')
      }
      this.#release(socket)
      serveAsPlainRequest(server, upgrade)
    })
  }

  #own(socket: OwnedSocket): void {
    this.#owned.set(socket, false)
    socket[OWNER] = this
    socket.on('close', onSocketClosed)
    // This listener is never removed, because an error without a listener would end the process, and the socket may
    // fail while it has no other listener. The error itself can be ignored: `close` always follows.
    // Call `off` first, so that it is never added twice: on a keep-alive connection, each request may offer an upgrade.
    socket.off('error', ignore)
    socket.on('error', ignore)
  }

  #release(socket: OwnedSocket): void {
    this.closed(socket)
    socket.off('close', onSocketClosed)
  }

  /** Stop owning a connection. */
  closed(socket: Duplex): void {
    this.#owned.delete(socket)
  }
}

const OWNER = Symbol('phoenix.gate')
type OwnedSocket = Duplex & { [OWNER]?: UpgradeGate }

// All connections share this listener.
function onSocketClosed(this: OwnedSocket): void {
  this[OWNER]?.closed(this)
}

// All copies of this package share this symbol, because several copies may serve one server.
const OF_A_GATE = Symbol.for('phoenix.gate')
type Marked = { [OF_A_GATE]?: ReadonlyMap<string, unknown> }

/** Paths of all mounts on a server. The server may have several gates, each with its own mounts. */
function mountsOf(server: Server): string[] {
  // The cast is safe: each `upgrade` listener is an `UpgradeListener`. Node's types say only `Function`.
  const listeners = server.listeners('upgrade') as (UpgradeListener & Marked)[]
  return listeners.flatMap((listener) => [...(listener[OF_A_GATE]?.keys() ?? [])])
}

/**
 * Whether the gate of `listener` must answer an upgrade. This is the case if all listeners belong to gates, and
 * `listener` is the first of them.
 */
function isUnclaimed(server: Server, listener: UpgradeListener & Marked): boolean {
  const listeners = server.listeners('upgrade')
  return listeners[0] === listener && listeners.every((each) => OF_A_GATE in each)
}

/**
 * Let Node serve an upgrade request as a plain request if `isDeclined` returns true. Node can do so since 24.9. From
 * Node 26, the gate cannot serve upgrade requests with a body, because Node itself reads the body. The connection is
 * closed after the response, because Node loses a request that is pipelined behind a declined upgrade.
 */
function declineUpgrades(
  server: Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean },
  isDeclined: (request: IncomingMessage) => boolean,
): void {
  const { shouldUpgradeCallback } = server
  // Node before 24.9 has no `shouldUpgradeCallback`. On these versions, the gate serves the request itself.
  if (shouldUpgradeCallback === undefined) return
  const declined = new WeakSet<IncomingMessage>()
  server.shouldUpgradeCallback = (request) => {
    if (!isDeclined(request)) return shouldUpgradeCallback.call(server, request)
    declined.add(request)
    return false
  }
  server.prependListener('request', (request, response) => {
    if (declined.has(request)) response.shouldKeepAlive = false
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
}

/** Call the listeners that come before the gate's listener `own`, except listeners of other gates. */
function showPrepended(server: Server, own: UpgradeListener, upgrade: Parameters<UpgradeListener>): void {
  if (server.listenerCount('upgrade') === 1) return
  const listeners = server.rawListeners('upgrade')
  for (const listener of listeners.slice(0, listeners.indexOf(own))) {
    if (!(OF_A_GATE in listener)) Reflect.apply(listener, server, upgrade)
  }
}

/** Queued upgrade request, with the mount (socket path) that receives the request. */
class Arrival implements QueueEntry {
  readonly #mount: EventEmitter
  readonly #upgrade: Upgrade
  readonly #isDraining: () => boolean

  constructor(mount: EventEmitter, upgrade: Upgrade, isDraining: () => boolean) {
    this.#mount = mount
    this.#upgrade = upgrade
    this.#isDraining = isDraining
  }

  hold(): void {}

  start(): void {
    const { socket } = this.#upgrade
    if (socket.destroyed) return
    if (this.#isDraining()) refuse(socket)
    else handOver(this.#mount, this.#upgrade)
  }

  refuse(): void {
    refuse(this.#upgrade.socket)
  }
}

/** Hand an upgrade to its mount. If the mount sends a plain response, end the connection after this response. */
function handOver(mount: EventEmitter, { request, socket, head }: Upgrade): void {
  mount.emit('upgrade', request, socket, head)
  const response = responseOn(socket)
  if (response?.writableFinished) endAndDestroy(socket)
  else if (response !== null) response.once('finish', () => endAndDestroy(socket))
  // If the socket is being read, it already belongs to a WebSocket. Otherwise, nothing has taken over the connection.
  else if (socket.readableFlowing === null && !socket.writableEnded) socket.destroy()
}

function endAndDestroy(socket: Duplex): void {
  socket.end(() => socket.destroy())
}

/** Response that a connection sends now or next; null if there is none. Later responses wait for this response. */
function responseOn(
  socket: Duplex & { readonly _httpMessage?: ServerResponse | null },
): ServerResponse | null {
  return socket._httpMessage ?? null
}

/**
 * Call `next` when all earlier requests of the connection are answered (HANDSHAKE-6). Until then, destroy the
 * connection if the client hangs up or sends bytes. A client must not send bytes before its upgrade is answered (RFC
 * 6455, section 4.1).
 */
function afterResponses(socket: Duplex, next: () => void): void {
  const response = responseOn(socket)
  if (response === null) return next()
  socket.on('readable', destroy)
  response.once('close', () => {
    socket.off('readable', destroy)
    // The cast is safe: sockets of an HTTP server are TCP or TLS sockets.
    const net = socket as NetSocket
    // If the response to the previous request has ended the connection, the upgrade request cannot be answered.
    if (!net.writable) return net.destroySoon()
    // Remove the keep-alive timeout that Node sets on an idle connection.
    net.setTimeout(0)
    afterResponses(socket, next)
  })
}

function destroy(this: Duplex): void {
  this.destroy()
}

function isWebSocket({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket'
}

function refuse(socket: Duplex): void {
  respond(socket, '503 Service Unavailable', RETRY_AFTER_SECONDS)
}

function respond(socket: Duplex, status: string, retryAfter?: number): void {
  const retry = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
  socket.end(`HTTP/1.1 ${status}\r\n${retry}Connection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  )
}

/**
 * Serve an offer of another protocol, such as h2c, as a plain request. A server may ignore the offer (RFC 9110, section
 * 7.8).
 */
function serveAsPlainRequest(server: Server, { request, socket, head }: Upgrade): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] ?? ''
    if (!/^(upgrade|connection|http2-settings)$/i.test(name))
      lines.push(`${name}: ${request.rawHeaders[index + 1]}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  // On a TLS server, `connection` would start a second TLS handshake.
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
}
