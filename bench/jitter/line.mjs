import { once } from 'node:events'
import net from 'node:net'

/** The network of one client: a TCP proxy that resets its connections and is offline for a while. */
export class Line {
  #ports
  #turn
  #isOnline = true
  #server = net.createServer((client) => this.#forward(client))
  /** @type {Set<net.Socket>} */
  #sockets = new Set()

  /**
   * @param {readonly number[]} ports of the nodes; each connection goes to the next one that is up
   * @param {number} turn number of the first
   */
  constructor(ports, turn) {
    this.#ports = ports
    this.#turn = turn
  }

  /** Listens. Resolves with the port. */
  async open() {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return /** @type {net.AddressInfo} */ (this.#server.address()).port
  }

  /** Resets all connections; new ones are reset too, until `restore`. */
  cut() {
    this.#isOnline = false
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  restore() {
    this.#isOnline = true
  }

  close() {
    this.cut()
    this.#server.close()
  }

  /** @param {net.Socket} client */
  #forward(client) {
    client.on('error', () => {})
    if (!this.#isOnline) return void client.resetAndDestroy()
    const node = net.connect(this.#ports[this.#turn++ % this.#ports.length], '127.0.0.1')
    for (const [socket, other] of [
      [client, node],
      [node, client],
    ]) {
      this.#sockets.add(socket)
      socket.setNoDelay()
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
}
