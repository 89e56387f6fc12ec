import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { BurstQueue, type QueueEntry, steadySlice } from '../limits/burst-queue.ts'
import { pathOf, type RouteMatch } from './route-finder.ts'

/** How long clients that come while the server stops are asked to wait. */
export const RETRY_AFTER_SECONDS = 1
/** Milliseconds that a closed WebSocket may wait for its client's answer. */
export const CLOSE_TIMEOUT_MS = 5_000

type Upgrade = { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** What a gate is made with. */
export type UpgradeGateOptions = {
  /** Says whether upgrades are refused by now. */
  readonly isDraining: () => boolean
  /** Says which mount's route serves a request. */
  readonly find: (request: IncomingMessage) => RouteMatch
  /** Called for a WebSocket upgrade that nobody takes, with its address and the paths of all mounts. */
  readonly tellUnclaimed?: (url: string, mounts: readonly string[]) => void
}

/**
 * Takes the upgrades of an HTTP server that are for a mount, refuses them with a Retry-After while the server
 * drains, and has offers of other protocols served as the plain requests that they are.
 *
 * With an upgrade, Node lets go of the connection: it reads no more and does not notice when the client hangs up.
 * The gate therefore answers for each of these connections until it is closed. It hands an upgrade over only when
 * no earlier request of the connection is unanswered, ends the connection when the response to the upgrade is
 * finished, destroys it if nobody took it, and when the server has stopped, destroys what is left.
 */
export class UpgradeGate {
  readonly #options: UpgradeGateOptions
  /** What stands for the HTTP server to each mount, by the path of its route. */
  readonly #mounts: Map<string, EventEmitter>
  /** Connections whose upgrade is not answered yet. */
  readonly #undecided: Set<Duplex>
  readonly #upgraded: Set<Duplex>
  /** Who comes and who goes costs most: when all do at once, the loop goes round in between (LIMIT-4). */
  readonly admission: BurstQueue

  constructor(options: UpgradeGateOptions) {
    this.#options = options
    this.#mounts = new Map()
    this.#undecided = new Set()
    this.#upgraded = new Set()
    this.admission = new BurstQueue({ maxWaiting: Infinity, maxWait: Infinity, nextSlice: steadySlice })
  }

  /** Connections that are the gate's to end. */
  get size(): number {
    return this.#undecided.size + this.#upgraded.size
  }

  /** What stands for the HTTP server to a mount: it emits `upgrade` for the requests of the route of this path. */
  mount(path: string): EventEmitter {
    const emitter = new EventEmitter()
    this.#mounts.set(path, emitter)
    return emitter
  }

  /**
   * Take the server's upgrades. Listeners that others attach, before or after, get those that are for no mount:
   * of several listeners one cannot keep an event from the rest, so it is taken where it is emitted. Listeners
   * that are prepended later, as those of instrumentation, see all upgrades.
   */
  attach(server: Server): void {
    const { emit } = server
    server.emit = (event: string, ...args: unknown[]): boolean => {
      if (event === 'upgrade') {
        const upgrade = args as Parameters<UpgradeListener>
        if (this.#take(upgrade, () => showPrepended(server, listener, upgrade))) return true
      }
      return Reflect.apply(emit, server, [event, ...args])
    }
    // Node asks whether there is a listener before it emits.
    const listener: UpgradeListener & Marked = (request, socket, head) => {
      if (isUnclaimed(server, listener)) this.#answerUnclaimed(server, { request, socket, head })
    }
    listener[OF_A_GATE] = this.#mounts
    server.prependListener('upgrade', listener)
  }

  /** The connection is a WebSocket now. */
  upgraded(socket: Duplex): void {
    if (this.#undecided.delete(socket)) this.#upgraded.add(socket)
  }

  /** The server has stopped, and would wait for each connection that is left, some of them for ever (DRAIN-5). */
  end(): void {
    for (const socket of this.#undecided) {
      // A response that has begun must not be followed by another one.
      const isBegun = responseOn(socket)?.headersSent === true || socket.writableLength > 0
      if (isBegun) socket.destroy()
      else refuse(socket)
    }
    // These have been sent a close just now, and may answer it.
    setTimeout(() => {
      for (const socket of this.#upgraded) socket.destroy()
    }, CLOSE_TIMEOUT_MS).unref()
  }

  /** Take an upgrade that is for a mount, after `show`; false if it is not. */
  #take([request, socket, head]: Parameters<UpgradeListener>, show: () => void): boolean {
    if (!isWebSocket(request)) return false
    const { path, isRefused } = this.#options.find(request)
    // An address that the router refuses belongs to no route; any mount's way leads to the router's answer.
    const mount = isRefused ? this.#mounts.values().next().value : this.#mounts.get(path ?? '')
    if (mount === undefined) return false
    // The router's answer needs no query, and an application that hears of the fault may log the address.
    if (isRefused) request.url = pathOf(request.url ?? '/')
    show()
    this.#keep(socket)
    const arrival = new Arrival(mount, { request, socket, head }, this.#options.isDraining)
    afterResponses(socket, () => this.admission.enter(arrival))
    return true
  }

  #answerUnclaimed(server: Server, upgrade: Upgrade): void {
    const { request, socket } = upgrade
    this.#keep(socket)
    afterResponses(socket, () => {
      if (isWebSocket(request)) {
        this.#options.tellUnclaimed?.(request.url ?? '/', mountsOf(server))
        return respond(socket, '404 Not Found')
      }
      this.#release(socket)
      serveAsPlainRequest(server, upgrade)
    })
  }

  #keep(socket: Kept): void {
    this.#undecided.add(socket)
    socket[KEEPER] = this
    socket.on('close', onClose)
    // Kept for good: a socket between two owners may fail at any time, and an error that nobody hears ends the
    // process. Its `close` follows in any case.
    socket.on('error', ignore)
  }

  #release(socket: Kept): void {
    this.closed(socket)
    socket.off('close', onClose)
  }

  /** The connection is closed. */
  closed(socket: Duplex): void {
    this.#undecided.delete(socket)
    this.#upgraded.delete(socket)
  }
}

const KEEPER = Symbol('phoenix.gate')
type Kept = Duplex & { [KEEPER]?: UpgradeGate }

// The same listener for every connection.
function onClose(this: Kept): void {
  this[KEEPER]?.closed(this)
}

// Several plugins, and several copies of this package, may serve one server.
const OF_A_GATE = Symbol.for('phoenix.gate')
type Marked = { [OF_A_GATE]?: ReadonlyMap<string, unknown> }

/** The paths of the mounts of all gates of a server. */
function mountsOf(server: Server): string[] {
  // The server calls its listeners with these arguments; the type of `listeners` does not say so.
  const listeners = server.listeners('upgrade') as (UpgradeListener & Marked)[]
  return listeners.flatMap((listener) => [...(listener[OF_A_GATE]?.keys() ?? [])])
}

/** Whether no listener but those of gates is there, of which the first one answers. */
function isUnclaimed(server: Server, listener: UpgradeListener & Marked): boolean {
  const listeners = server.listeners('upgrade')
  return listeners[0] === listener && listeners.every((each) => OF_A_GATE in each)
}

function showPrepended(server: Server, own: UpgradeListener, upgrade: Parameters<UpgradeListener>): void {
  const listeners = server.rawListeners('upgrade')
  for (const listener of listeners.slice(0, listeners.indexOf(own))) {
    if (!(OF_A_GATE in listener)) Reflect.apply(listener, server, upgrade)
  }
}

/** An upgrade on its way to its mount. */
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

function ignore(): void {}

/** Give an upgrade to its mount, and end the connection with the response, whoever answers and when. */
function handOver(mount: EventEmitter, { request, socket, head }: Upgrade): void {
  mount.emit('upgrade', request, socket, head)
  const response = responseOn(socket)
  if (response?.writableFinished) endAndDestroy(socket)
  else if (response !== null) response.once('finish', () => endAndDestroy(socket))
  // A WebSocket, that of a client which was let in at once, is being read. Otherwise nobody took the connection.
  else if (socket.readableFlowing === null && !socket.writableEnded) socket.destroy()
}

function endAndDestroy(socket: Duplex): void {
  socket.end(() => socket.destroy())
}

/** The response that Node, or what takes an upgrade, has assigned to a connection; the next one has to wait for it. */
function responseOn(
  socket: Duplex & { readonly _httpMessage?: ServerResponse | null },
): ServerResponse | null {
  return socket._httpMessage ?? null
}

/**
 * Go on when all earlier requests of the connection are answered (HANDSHAKE-6). Until then a client has nothing
 * to send (RFC 6455, section 4.1): bytes end its connection as a hang-up does, so that neither need be kept.
 */
function afterResponses(socket: Duplex, goOn: () => void): void {
  const response = responseOn(socket)
  if (response === null) return goOn()
  socket.on('readable', destroy)
  response.once('close', () => {
    socket.off('readable', destroy)
    // The socket of an HTTP server is a TCP or TLS socket; both have these.
    const net = socket as NetSocket
    // The response may have been the last one.
    if (!net.writable) return net.destroySoon()
    // Node has set a timeout for an idle connection that waits for a request.
    net.setTimeout(0)
    afterResponses(socket, goOn)
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
  // A client that resets meanwhile has its answer: there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  const retry = retryAfter === undefined ? '' : `Retry-After: ${retryAfter}\r\n`
  socket.end(`HTTP/1.1 ${status}\r\n${retry}Connection: close\r\nContent-Length: 0\r\n\r\n`, () =>
    socket.destroy(),
  )
}

/** An HTTP/2 client may offer h2c with any request; the offer may be ignored (RFC 9110, section 7.8). */
function serveAsPlainRequest(server: Server, { request, socket, head }: Upgrade): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] ?? ''
    if (!/^(upgrade|connection|http2-settings)$/i.test(name))
      lines.push(`${name}: ${request.rawHeaders[index + 1]}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', socket)
}
