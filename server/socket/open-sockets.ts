import { AddressCounts } from './address-counts.ts'
import type { PeerAddress } from './peer-address.ts'
import type { Socket } from './socket.ts'

/** The open sockets of an endpoint, also counted by address (LIMIT-6). */
export class OpenSockets extends Set<Socket> {
  readonly #counts: AddressCounts

  /** @param maxPerAddress maximum number of open connections per address. */
  constructor(maxPerAddress: number) {
    super()
    this.#counts = new AddressCounts(maxPerAddress, () => [...this].map(({ address }) => [address, 1]))
  }

  /** Whether an address has reached its maximum number of connections. */
  isFull(address: PeerAddress | null): boolean {
    return this.#counts.isFull(address)
  }

  override add(socket: Socket): this {
    const { size } = this
    super.add(socket)
    if (this.size > size) this.#counts.add(socket.address, 1)
    return this
  }

  override delete(socket: Socket): boolean {
    const isDeleted = super.delete(socket)
    if (isDeleted) this.#counts.add(socket.address, -1)
    return isDeleted
  }
}
