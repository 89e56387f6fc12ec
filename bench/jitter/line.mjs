import { once } from 'node:events'
import net from 'node:net'

/**
 * Network of one client: a TCP proxy that can reset its connections, and delays new ones while the client is offline.
 */
export class Line {
  #ports
  #turn
  #isOnline = true
  #server = net.createServer((client) => this.#accept(client))
  /** @type {Set<net.Socket>} */
  #sockets = new Set()
  /** Connections that were made while offline. @type {Set<net.Socket>} */
  #waiting = new Set()

  /**
   * @param {readonly number[]} ports of the nodes, to which the connections go in turn
   * @param {number} turn index of the first node
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

  /** Resets all connections; new ones reach no node until `restore`. */
  cut() {
    this.#isOnline = false
    for (const socket of [...this.#sockets, ...this.#waiting]) socket.resetAndDestroy()
  }

  restore() {
    this.#isOnline = true
    for (const client of this.#waiting) this.#forward(client)
    this.#waiting.clear()
  }

  close() {
    this.cut()
    this.#server.close()
  }

  /** @param {net.Socket} client */
  #accept(client) {
    client.on('error', () => {})
    client.on('close', () => this.#waiting.delete(client))
    if (this.#isOnline) this.#forward(client)
    else this.#waiting.add(client)
  }

  /** @param {net.Socket} client */
  #forward(client) {
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
