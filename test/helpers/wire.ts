import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** The way of one node to a server of this machine, which the test can cut: nothing passes, nobody is told. */
export class Wire {
  readonly #server: Server
  readonly #ends = new Set<Socket>()
  #isCut = false

  constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1')
      if (this.#isCut) near.destroy()
      this.#join(near, far)
      this.#join(far, near)
    })
  }

  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port)
    wire.#server.listen(0, '127.0.0.1')
    await once(wire.#server, 'listening')
    onTestFinished(() => wire.#close())
    return wire
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** All connections break, and none can be made. */
  cut(): void {
    this.#isCut = true
    for (const end of this.#ends) end.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  #join(from: Socket, to: Socket): void {
    this.#ends.add(from)
    from.on('error', () => from.destroy())
    from.on('close', () => {
      this.#ends.delete(from)
      to.destroy()
    })
    from.pipe(to)
  }

  #close(): void {
    this.cut()
    this.#server.close()
  }
}
