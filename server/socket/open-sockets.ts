import type { Socket } from './socket.ts'

/** The sockets of an endpoint, and how many of them each address has (LIMIT-6). */
export class OpenSockets extends Set<Socket> {
  readonly #counts: Map<string, number>

  constructor() {
    super()
    this.#counts = new Map()
  }

  /** Number of open connections of an address. */
  countOf(address: string): number {
    return this.#counts.get(address) ?? 0
  }

  override add(socket: Socket): this {
    const { address } = socket
    if (address !== null && !this.has(socket)) this.#counts.set(address, this.countOf(address) + 1)
    return super.add(socket)
  }

  override delete(socket: Socket): boolean {
    const { address } = socket
    const isDeleted = super.delete(socket)
    if (address === null || !isDeleted) return isDeleted
    const count = this.countOf(address) - 1
    if (count > 0) this.#counts.set(address, count)
    else this.#counts.delete(address)
    return isDeleted
  }
}
