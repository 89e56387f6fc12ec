import type { PeerAddress } from './peer-address.ts'

/**
 * Minimum number of addresses that one call of `#readSome` reads. Each call begins at the oldest entry of `#unread`.
 * After deletions from a Map, finding its oldest entry is slow, so few large steps are faster than many small steps.
 */
const READ_AT_ONCE = 32

/** Returns the peers to count, each with its number of connections or channels. */
export type CountedPeers = () => Iterable<readonly [peer: PeerAddress | null, count: number]>

/**
 * Counts connections or channels by IP address, with a limit per address (LIMIT-6). A peer is the remote end of one
 * connection.
 *
 * Problem: reading the address of a peer costs a system call, and a count for each peer costs a lookup per change.
 *
 * Approach: at first, there is only a total for all peers. When the total exceeds half of the limit, each peer gets a
 * count. Addresses are read as late as possible, in batches. When the address of a peer is read, the peer's count is
 * added to the count of the address.
 *
 * Invariant: when the sum of all counts, of peers and of addresses, reaches the limit, all addresses have been read.
 */
export class AddressCounts {
  readonly #limit: number
  readonly #peers: CountedPeers
  /** Number of connections or channels of all peers, including peers whose `read()` returns null. */
  #all: number
  /** True if each peer or address has a count. If false, the fields below are empty or 0. */
  #isByPeer: boolean
  readonly #counts: Map<string, number>
  /** Counts of the peers whose address `#readSome` has not read yet. The oldest peer comes first. */
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

  /**
   * Add `change` to the count of a peer. For a positive change, `#peers()` must already return the new count of the
   * peer, because `add` may start to count by peer.
   */
  add(peer: PeerAddress | null, change: number): void {
    if (peer === null || change === 0) return
    this.#all += change
    if (this.#isByPeer) this.#addTo(peer, change)
    else if (change > 0 && this.#all * 2 > this.#limit) this.#countPeers()
    else return
    if (this.#total + this.#unreadTotal > this.#limit) this.#readSome()
    // Counting by peer starts above half of the limit, but stops only below a quarter. With a single threshold, a total
    // near the threshold would cause a new count of all peers again and again.
    if (this.#all * 4 < this.#limit) this.#forgetPeers()
  }

  #addTo(peer: PeerAddress, change: number): void {
    // Null means that the peer's address has already been read, here or by another `AddressCounts`.
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
