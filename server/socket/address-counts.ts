import type { PeerAddress } from './peer-address.ts'

/**
 * Number of addresses that are read at once. Reading one at a time would be slow: after deletions, a map takes long to
 * find its oldest entry.
 */
const READ_AT_ONCE = 32

/**
 * Counts connections or channels by address, with a limit per address (LIMIT-6).
 *
 * Problem: reading an address costs a system call. Approach: no address can reach the limit before the total does, so
 * addresses are read as late as possible, a few at a time. Invariant: unless all addresses are read, the count for read
 * addresses plus twice the count for unread addresses is at most the limit. So all addresses are read by the time the
 * total reaches the limit.
 */
export class AddressCounts {
  readonly #limit: number
  readonly #counts: Map<string, number>
  /** Counts of peers with unread addresses, the oldest first. */
  readonly #unread: Map<PeerAddress, number>
  #total: number
  #unreadTotal: number

  constructor(limit: number) {
    this.#limit = limit
    this.#counts = new Map()
    this.#unread = new Map()
    this.#total = 0
    this.#unreadTotal = 0
  }

  /** Whether the address of a peer has reached the limit. Always false for a peer that is not counted. */
  isFull(peer: PeerAddress | null): boolean {
    if (peer === null || this.#total < this.#limit) return false
    const address = peer.read()
    return address !== null && (this.#counts.get(address) ?? 0) >= this.#limit
  }

  add(peer: PeerAddress | null, change: number): void {
    if (peer === null || change === 0) return
    // If another instance has already read the peer's address, count the peer under that address at once.
    const unread = this.#unread.get(peer) ?? (peer.isRead ? null : 0)
    if (unread === null) this.#count(peer.read(), change)
    else this.#countUnread(peer, unread, change)
    if (this.#total + this.#unreadTotal > this.#limit) this.#readSome()
  }

  #readSome(): void {
    let left = READ_AT_ONCE
    for (const [peer, count] of this.#unread) {
      if (left <= 0 && this.#total + this.#unreadTotal <= this.#limit) return
      this.#countUnread(peer, count, -count)
      this.#count(peer.read(), count)
      left -= 1
    }
  }

  #count(address: string | null, change: number): void {
    if (address === null) return
    this.#total += change
    const count = (this.#counts.get(address) ?? 0) + change
    if (count > 0) this.#counts.set(address, count)
    else this.#counts.delete(address)
  }

  #countUnread(peer: PeerAddress, count: number, change: number): void {
    this.#total += change
    this.#unreadTotal += change
    if (count + change > 0) this.#unread.set(peer, count + change)
    else this.#unread.delete(peer)
  }
}
