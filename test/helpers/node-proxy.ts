import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

type Line = { readonly client: Socket; readonly node: Socket }

/** How a connection ends: at once, in the middle of what the server sends next, or after being silent for a while. */
export const CUTS = ['reset', 'torn', 'silent'] as const
export type Cut = (typeof CUTS)[number]

/** Milliseconds for which a silent connection stays open. */
const SILENT_MS = [200, 2_000] as const

/** Passes each connection to a node at random, and cuts it on demand. */
export class NodeProxy {
  readonly #server: Server
  readonly #lines: Set<Line>
  readonly #timers: Set<NodeJS.Timeout>
  /** Ports of the nodes that take connections. */
  readonly ports: Set<number>
  readonly cuts: Record<Cut, number>

  private constructor(ports: readonly number[]) {
    this.ports = new Set(ports)
    this.cuts = { reset: 0, torn: 0, silent: 0 }
    this.#lines = new Set()
    this.#timers = new Set()
    this.#server = createServer((client) => this.#pass(client))
  }

  static async open(ports: readonly number[]): Promise<NodeProxy> {
    const proxy = new NodeProxy(ports)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Cut one connection; false if there is none. */
  cutOne(cut: Cut): boolean {
    const line = pick([...this.#lines])
    if (line === undefined) return false
    this.#lines.delete(line)
    this.cuts[cut] += 1
    if (cut === 'reset') end(line)
    else if (cut === 'torn') this.#tear(line)
    else this.#silence(line)
    return true
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const line of this.#lines) end(line)
    this.#server.close()
    await once(this.#server, 'close')
  }

  #pass(client: Socket): void {
    const port = pick([...this.ports])
    if (port === undefined) return void client.destroy()
    const line = { client, node: connect(port, '127.0.0.1') }
    this.#lines.add(line)
    for (const socket of [line.client, line.node]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#lines.delete(line)
        end(line)
      })
    }
    line.client.pipe(line.node)
    line.node.pipe(line.client)
  }

  /** Pass half of what the server sends next, or nothing if that takes too long. */
  #tear(line: Line): void {
    line.node.unpipe()
    line.node.once('data', (bytes: Buffer) => {
      line.client.write(bytes.subarray(0, bytes.length / 2), () => end(line))
    })
    this.#endLater(line, SILENT_MS[0])
  }

  #silence(line: Line): void {
    line.node.unpipe()
    line.client.unpipe()
    line.node.on('data', () => {})
    line.client.on('data', () => {})
    const [least, most] = SILENT_MS
    this.#endLater(line, least + Math.random() * (most - least))
  }

  #endLater(line: Line, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      end(line)
    }, ms)
    this.#timers.add(timer)
  }
}

function end({ client, node }: Line): void {
  client.destroy()
  node.destroy()
}

function pick<T>(from: readonly T[]): T | undefined {
  return from[Math.floor(Math.random() * from.length)]
}
