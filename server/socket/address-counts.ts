import type { PeerAddress } from './peer-address.ts'

/**
 * Minimum number of addresses that are read in one step. Smaller steps would be slow: after deletions, a map takes long
 * to find its oldest entry.
 */
const READ_AT_ONCE = 32

/** Returns the peers to count, each with its number of connections or channels. */
export type CountedPeers = () => Iterable<readonly [peer: PeerAddress | null, count: number]>

/**
 * Counts connections or channels by address, with a limit per address (LIMIT-6).
 *
 * Problem: reading an address costs a system call, and counting by peer costs a lookup per change. Approach: the count
 * of one address never exceeds the total. So only the total is counted until it exceeds half of the limit. Then each
 * peer is counted, and addresses are read as late as possible, a few at a time. Invariant while peers are counted: all
 * addresses are read, or the count for read addresses plus twice the count for unread addresses is at most the limit.
 * So when the total reaches the limit, all addresses are read.
 */
export class AddressCounts {
  readonly #limit: number
  readonly #peers: CountedPeers
  /** Number of connections or channels of all peers, including peers whose address is not counted. */
  #all: number
  /** Whether each peer is counted, not only `#all`. If false, the fields below are empty or 0. */
  #isByPeer: boolean
  readonly #counts: Map<string, number>
  /** Number of connections or channels of each peer whose address is not read yet. The oldest peer comes first. */
  readonly #unread: Map<PeerAddress, number>
  /** Sum of all counts in `#counts` and `#unread`. */
  #total: number
  #unreadTotal: number

  constructor(limit: number, peers: CountedPeers) {
    this.#limit = limit
    this.#peers = peers
    this.#all = 0
    this.#isByPeer = false
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

  /** Add `change` to the count of a peer. The result of `#peers()` must already include this change. */
  add(peer: PeerAddress | null, change: number): void {
    if (peer === null || change === 0) return
    this.#all += change
    if (this.#isByPeer) this.#addTo(peer, change)
    else if (change > 0 && this.#all * 2 > this.#limit) this.#countPeers()
    else return
    if (this.#total + this.#unreadTotal > this.#limit) this.#readSome()
    // Forget the peers only far below half of the limit. Otherwise, all peers would be counted again and again.
    if (this.#all * 4 < this.#limit) this.#forgetPeers()
  }

  #addTo(peer: PeerAddress, change: number): void {
    // If another `AddressCounts` has already read the peer's address, count the peer under this address immediately.
    const unread = this.#unread.get(peer) ?? (peer.isRead ? null : 0)
    if (unread === null) this.#count(peer.read(), change)
    else this.#countUnread(peer, unread, change)
  }

  #countPeers(): void {
    this.#isByPeer = true
    for (const [peer, count] of this.#peers()) {
      if (peer !== null && count > 0) this.#addTo(peer, count)
    }
  }

  #forgetPeers(): void {
    this.#isByPeer = false
    this.#counts.clear()
    this.#unread.clear()
    this.#total = 0
    this.#unreadTotal = 0
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
