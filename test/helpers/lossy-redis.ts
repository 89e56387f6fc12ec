import { once } from 'node:events'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { RedisServer } from './redis.ts'

/** An address of a Redis server that loses published messages on demand. */
export class LossyRedis {
  readonly #server: Server
  readonly #port: number
  readonly #sockets: Set<Socket>
  #isLosing: boolean
  /** The number of messages that were lost. */
  lost: number

  private constructor({ port }: RedisServer) {
    this.#port = port
    this.#sockets = new Set()
    this.#isLosing = false
    this.lost = 0
    this.#server = createServer((socket) => this.#pass(socket))
  }

  static async open(server: RedisServer): Promise<LossyRedis> {
    const lossy = new LossyRedis(server)
    lossy.#server.listen(0, '127.0.0.1')
    await once(lossy.#server, 'listening')
    onTestFinished(() => lossy.#close())
    return lossy
  }

  get url(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `redis://127.0.0.1:${address.port}`
  }

  /** Lose what is published from now on, or no longer. */
  lose(isLosing: boolean): void {
    this.#isLosing = isLosing
  }

  #pass(socket: Socket): void {
    const server = createConnection(this.#port, '127.0.0.1')
    for (const end of [socket, server]) this.#sockets.add(end.on('error', () => end.destroy()))
    socket.pipe(server)
    server.on('data', (bytes: Buffer) => {
      // Nothing but published messages arrives on a connection for subscriptions while its channels stay the same.
      if (this.#isLosing && bytes.includes('>3\r\n$7\r\nmessage\r\n')) this.lost += 1
      else socket.write(bytes)
    })
    socket.on('close', () => server.destroy())
    server.on('close', () => socket.destroy())
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
