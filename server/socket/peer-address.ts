import { isIPv6 } from 'node:net'

/**
 * Connection over TCP or a Unix socket. Reading its address costs a system call. The address is undefined for a Unix
 * socket, and after the connection has closed.
 */
type AddressSource = { readonly remoteAddress?: string | undefined }

/** Address under which a connection is counted (LIMIT-6), read on first use. */
export class PeerAddress {
  #connection: AddressSource | null
  #address: string | null

  /** @param source the IP address (undefined if there is none), or the open connection that has the address. */
  constructor(source: AddressSource | string | undefined) {
    const isKnown = typeof source !== 'object'
    this.#connection = isKnown ? null : source
    this.#address = isKnown ? countedAddress(source) : null
  }

  get isRead(): boolean {
    return this.#connection === null
  }

  /** Address under which the connection is counted; null for loopback, or if the connection has no IP address. */
  read(): string | null {
    if (this.#connection !== null) {
      this.#address = countedAddress(this.#connection.remoteAddress)
      this.#connection = null
    }
    return this.#address
  }
}

/**
 * Address under which connections from an IP address are counted (LIMIT-6). Null for a Unix socket, which has no IP
 * address, and for loopback, the address of local proxies and programs.
 */
export function countedAddress(ip: string | undefined): string | null {
  if (ip === undefined || ip === '') return null
  const network = networkOf(ip)
  return network.startsWith('127.') || ip === '::1' ? null : network
}

/**
 * Return the network of an IPv6 address: its first 64 bits, because one client usually controls the whole network. For
 * an IPv4-mapped address, returns the IPv4 address. Returns any other address unchanged.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  // Expand `::`, e.g. to six zeros in `a::b`.
  if (tail !== undefined) groups.push(...Array<string>(8 - groups.length - after.length).fill('0'), ...after)
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
