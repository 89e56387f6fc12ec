import { AddressCounts } from './address-counts.ts'
import type { PeerAddress } from './peer-address.ts'
import type { Socket } from './socket.ts'

/** The sockets of an endpoint, and how many of them each address has (LIMIT-6). */
export class OpenSockets extends Set<Socket> {
  readonly #counts: AddressCounts

  /** @param maxPerAddress connections that one address may have open. */
  constructor(maxPerAddress: number) {
    super()
    this.#counts = new AddressCounts(maxPerAddress)
  }

  /** Whether an address has as many connections as it may have. */
  isFull(address: PeerAddress | null): boolean {
    return this.#counts.isFull(address)
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
