import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const HOST = '127.0.0.1'

/**
 * Chunk of bytes that is not forwarded yet; null for the end of the stream. `due` is the earliest time to forward the
 * chunk, in milliseconds on the clock of `performance.now()`.
 */
type Held = { readonly chunk: Buffer | null; readonly due: number }

/**
 * Simulated network between clients and a server: a TCP proxy that can cut connections, and hold back, delay or lose
 * bytes. It does not interpret HTTP or WebSockets.
 */
export class FaultyNetwork {
  /** Delay of bytes in each direction, in milliseconds. */
  delayMs: number
  /** While true, bytes are held back in both directions. */
  isPaused: boolean
  /** While true, the network loses all bytes. If one end of a connection closes, the other end stays open. */
  isDead: boolean
  readonly #server: Server
  readonly #links: Set<Link>

  /** @param target port of the server. */
  constructor(target: number) {
    this.delayMs = 0
    this.isPaused = false
    this.isDead = false
    this.#links = new Set()
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const link = new Link(
        this,
        client,
        this.isDead ? null : connect({ port: target, host: HOST, allowHalfOpen: true }),
      )
      this.#links.add(link)
      client.once('close', () => this.#links.delete(link))
    })
  }

  /** Accept clients at this port; 0 for any free port. Returns the port. */
  async listen(port: number): Promise<number> {
    this.#server.listen(port, HOST)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** Cut all connections. Both ends notice immediately. */
  cut(): void {
    for (const link of this.#links) link.destroy()
  }

  /** Drop all further bytes of the current connections, and of connections that open before `revive` is called. */
  kill(): void {
    this.isDead = true
    for (const link of this.#links) link.kill()
  }

  /** Forward new connections again. Killed connections stay dead. */
  revive(): void {
    this.isDead = false
  }

  /** Forward the bytes that were held back while `isPaused` was true. */
  flush(): void {
    for (const link of this.#links) link.flush()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/**
 * Two connections: from one client to the proxy, and from the proxy to the server. If the network was dead when the
 * client connected, there is no connection to the server: `server` is null.
 */
class Link {
  readonly #ends: readonly Socket[]
  readonly #directions: readonly Direction[]
  #isDead: boolean

  constructor(network: FaultyNetwork, client: Socket, server: Socket | null) {
    this.#ends = server === null ? [client] : [client, server]
    this.#isDead = server === null
    this.#directions =
      server === null ? [] : [new Direction(network, client, server), new Direction(network, server, client)]
    for (const end of this.#ends) {
      end.setNoDelay()
      end.on('error', () => this.#gone())
      end.on('close', () => this.#gone())
    }
    if (server === null) client.resume()
  }

  destroy(): void {
    for (const direction of this.#directions) direction.stop()
    for (const end of this.#ends) end.destroy()
  }

  kill(): void {
    this.#isDead = true
    for (const direction of this.#directions) direction.stop()
  }

  flush(): void {
    for (const direction of this.#directions) direction.pump()
  }

  /** Called when one end has closed. Closes the other end too, unless this link is dead. */
  #gone(): void {
    if (!this.#isDead) for (const direction of this.#directions) direction.close()
  }
}

/** Queue of the bytes in one direction of a link, in order. */
class Direction {
  readonly #network: FaultyNetwork
  readonly #to: Socket
  readonly #held: Held[]
  #timer: NodeJS.Timeout | null
  #isStopped: boolean

  constructor(network: FaultyNetwork, from: Socket, to: Socket) {
    this.#network = network
    this.#to = to
    this.#held = []
    this.#timer = null
    this.#isStopped = false
    from.on('data', (chunk) => this.#hold(chunk))
    from.on('end', () => this.#hold(null))
  }

  /** Lose all bytes from now on. */
  stop(): void {
    this.#isStopped = true
    this.#held.length = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** Close the other end when the queued bytes have been forwarded. */
  close(): void {
    this.#hold(null)
  }

  /** Forward the bytes whose delay has passed, unless the network is paused. */
  pump(): void {
    const { isPaused } = this.#network
    while (this.#held.length > 0 && !isPaused) {
      const next = this.#held[0]
      const wait = (next?.due ?? 0) - performance.now()
      if (wait > 0) return this.#pumpIn(wait)
      this.#pass(this.#held.shift()?.chunk ?? null)
    }
  }

  #hold(chunk: Buffer | null): void {
    if (this.#isStopped) return
    const { delayMs } = this.#network
    this.#held.push({ chunk, due: delayMs === 0 ? 0 : performance.now() + delayMs })
    this.pump()
  }

  #pass(chunk: Buffer | null): void {
    if (chunk === null) this.#to.end()
    else if (this.#to.writable) this.#to.write(chunk)
  }

  #pumpIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.pump()
    }, ms)
  }
}
