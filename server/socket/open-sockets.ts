import { AddressCounts } from './address-counts.ts'
import type { Socket } from './socket.ts'

/** The sockets of an endpoint, and how many of them each address has (LIMIT-6). */
export class OpenSockets extends Set<Socket> {
  readonly #counts: AddressCounts

  constructor() {
    super()
    this.#counts = new AddressCounts()
  }

  /** Number of open connections of an address. */
  countOf(address: string): number {
    return this.#counts.of(address)
  }

  override add(socket: Socket): this {
    if (!this.has(socket)) this.#counts.add(socket.address, 1)
    return super.add(socket)
  }

  override delete(socket: Socket): boolean {
    const isDeleted = super.delete(socket)
    if (isDeleted) this.#counts.add(socket.address, -1)
    return isDeleted
  }
}
