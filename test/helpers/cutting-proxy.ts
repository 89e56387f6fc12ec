import { connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** How a connection ends: at once, in the middle of what the server sends, or after swallowing all that is sent. */
export type Cut = 'reset' | 'in the middle' | 'half-open'

type Line = { readonly client: Socket; readonly server: Socket; cut: Cut | null }

/** Forwards connections to a port until the end of the test, and cuts them. */
export class CuttingProxy {
  readonly #lines: Set<Line>
  #port: number

  constructor() {
    this.#lines = new Set()
    this.#port = 0
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`
  }

  get size(): number {
    return this.#lines.size
  }

  /** Listen, and forward to this port. */
  async open(target: number): Promise<this> {
    const proxy = createServer((client) =>
      this.#forward({ client, server: connect(target, '127.0.0.1'), cut: null }),
    )
    onTestFinished(() => new Promise<void>((done) => void proxy.close(() => done())))
    onTestFinished(() => this.cutAll())
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
    this.#port = Number(Object(proxy.address()).port)
    return this
  }

  /** Cut all connections at once. */
  cutAll(): void {
    for (const line of this.#lines) end(line)
  }

  /** Cut one connection of those that are open: the one at this index, counted round. */
  cut(index: number, how: Cut): void {
    const line = [...this.#lines][index % Math.max(1, this.#lines.size)]
    // One that swallows bytes must not forward later ones.
    if (line === undefined || line.cut !== null) return
    line.cut = how
    if (how === 'reset') end(line)
    else setTimeout(end, 30, line).unref()
  }

  #forward(line: Line): void {
    const { client, server } = line
    this.#lines.add(line)
    client.on('data', (data) => void (line.cut === 'half-open' || server.write(data)))
    server.on('data', (data) => {
      if (line.cut === null) client.write(data)
      if (line.cut !== 'in the middle') return
      client.write(data.subarray(0, data.length / 2))
      client.end()
      end(line)
    })
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#lines.delete(line)
        end(line)
      })
    }
  }
}

function end({ client, server }: Line): void {
  client.destroy()
  server.destroy()
}
