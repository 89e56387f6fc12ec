import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Admission, type Entrant, steadySlice } from '../admission.ts'
import { PathPattern } from './path-pattern.ts'

/** How long clients that come while the server stops are asked to wait. */
export const RETRY_AFTER_SECONDS = 1

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void
type Upgrade = { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
type Mount = { readonly pattern: PathPattern; readonly emitter: EventEmitter }

/**
 * Takes the upgrades of an HTTP server, so that each goes to the mount that it is for, that a server
 * which drains refuses them with a Retry-After, and that offers of other protocols are plain requests.
 */
export class UpgradeGate {
  readonly #mounts: Mount[]
  /** The connections that wait for their `connect`. */
  readonly #undecided: Set<Duplex>
  /** Who comes and who goes costs most: when all do at once, the loop goes round in between (LIMIT-4). */
  readonly admission: Admission
  #others: UpgradeListener[]
  readonly #isDraining: () => boolean

  /** @param isDraining says whether upgrades are refused by now. */
  constructor(isDraining: () => boolean) {
    this.#mounts = []
    this.#undecided = new Set()
    this.admission = new Admission({ maxWaiting: Infinity, maxWait: Infinity, nextSlice: steadySlice })
    this.#others = []
    this.#isDraining = isDraining
  }

  /** What stands for the HTTP server to a mount: it emits `upgrade` for the requests of this path. */
  mount(path: string): EventEmitter {
    const emitter = new EventEmitter()
    this.#mounts.push({ pattern: new PathPattern(path), emitter })
    return emitter
  }

  /** Take the server's upgrades; listeners that are there keep those that are for no mount of ours. */
  attach(server: Server): void {
    // The server calls its listeners with these arguments; the type of `listeners` does not say so.
    this.#others = server.listeners('upgrade') as UpgradeListener[]
    server.removeAllListeners('upgrade')
    server.on('upgrade', (request, socket, head) => this.#upgrade(server, { request, socket, head }))
  }

  /** Know a connection as undecided until `decision` is made. */
  async during<T>(socket: Duplex, decision: T | Promise<T>): Promise<T> {
    this.#undecided.add(socket)
    try {
      return await decision
    } finally {
      this.#undecided.delete(socket)
    }
  }

  /** The drain is over: the server would wait for who is still undecided, and some may never be. */
  refuseUndecided(): void {
    for (const socket of this.#undecided) refuse(socket)
  }

  #upgrade(server: Server, upgrade: Upgrade): void {
    const { request, socket, head } = upgrade
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    const mount = isWebSocket ? this.#find(request.url ?? '/') : undefined
    if (mount === undefined && this.#others.length > 0) {
      for (const listener of this.#others) listener.call(server, request, socket, head)
    } else if (!isWebSocket) serveAsPlainRequest(server, upgrade)
    else if (mount === undefined) respond(socket, '404 Not Found')
    else this.admission.enter(new Arrival(mount, upgrade, this.#isDraining))
  }

  #find(url: string): Mount | undefined {
    return this.#mounts.find(({ pattern }) => pattern.fits(url))
  }
}

/** An upgrade on its way to its mount. */
class Arrival implements Entrant {
  readonly #mount: Mount
  readonly #upgrade: Upgrade
  readonly #isDraining: () => boolean
  #isHeld: boolean

  constructor(mount: Mount, upgrade: Upgrade, isDraining: () => boolean) {
    this.#mount = mount
    this.#upgrade = upgrade
    this.#isDraining = isDraining
    this.#isHeld = false
  }

  hold(): void {
    this.#isHeld = true
    // Meanwhile the socket is nobody else's, and what it says of its end would end the process.
    this.#upgrade.socket.on('error', ignore)
  }

  start(): void {
    const { socket } = this.#upgrade
    if (this.#isHeld) socket.off('error', ignore)
    if (socket.destroyed) return
    if (this.#isDraining()) refuse(socket)
    else handOver(this.#mount, this.#upgrade)
  }

  refuse(): void {
    refuse(this.#upgrade.socket)
  }
}

function ignore(): void {}

/**
 * Give an upgrade to its mount. What the router answers at once is a refusal, 414 to a long variable for
 * one: it keeps the connection, and as the server has let go of it, nobody else would end it.
 */
function handOver({ emitter }: Mount, { request, socket, head }: Upgrade): void {
  // The socket of an HTTP server is a TCP or TLS socket; both count.
  const { bytesWritten } = socket as NetSocket
  emitter.emit('upgrade', request, socket, head)
  // A WebSocket, that of a client which was let in at once, is being read.
  const isRefused = socket.readableFlowing === null && (socket as NetSocket).bytesWritten > bytesWritten
  if (isRefused) socket.end(() => socket.destroy())
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
