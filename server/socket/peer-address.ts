import { isIPv6 } from 'node:net'

/** A TCP connection, as far as its address goes. Reading that takes a system call; it is undefined at the end. */
type Connection = { readonly remoteAddress?: string | undefined }

/** The address that a client's connection is counted under (LIMIT-6), read when it is needed for the first time. */
export class PeerAddress {
  #connection: Connection | null
  #address: string | null

  /** @param source the client's address if it is known, else the connection, which stays open. */
  constructor(source: Connection | string | undefined) {
    const isKnown = typeof source !== 'object'
    this.#connection = isKnown ? null : source
    this.#address = isKnown ? countedAddress(source) : null
  }

  get isRead(): boolean {
    return this.#connection === null
  }

  /** Null if the connection is not counted. */
  read(): string | null {
    if (this.#connection !== null) {
      this.#address = countedAddress(this.#connection.remoteAddress)
      this.#connection = null
    }
    return this.#address
  }
}

/**
 * The address that a client's connections are counted under (LIMIT-6). Null for a Unix socket, which has none,
 * and for loopback: a proxy, or a program of this machine.
 */
export function countedAddress(ip: string | undefined): string | null {
  if (ip === undefined || ip === '') return null
  const network = networkOf(ip)
  return network.startsWith('127.') || ip === '::1' ? null : network
}

/** Whoever has one address of version 6 has the 2^64 of its network. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  // What `::` stands for: `a::b` has six zeros.
  if (tail !== undefined) groups.push(...Array<string>(8 - groups.length - after.length).fill('0'), ...after)
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
