import type { Limits } from '../limits/config.ts'
import { networkOf } from '../socket/peer-address.ts'
import { Rate, TokenBucket } from '../socket/rate.ts'

/** Maximum number of counted addresses. Further addresses are not limited. */
const MAX_ADDRESSES = 50_000

/**
 * Limits how often each address connects (LIMIT-6). All addresses share one token bucket. When the shared bucket is
 * empty, connections are still allowed, but each address gets its own bucket, which limits the address. The size of
 * every bucket is half of `connectionBurst`. While the shared bucket has tokens and no address has its own bucket, the
 * remote address is not read, which saves a system call.
 */
export class AddressRate {
  readonly #rate: Rate
  readonly #all: TokenBucket
  readonly #addresses: Map<string, TokenBucket>

  constructor({ connectionRate, connectionBurst }: Pick<Limits, 'connectionRate' | 'connectionBurst'>) {
    this.#rate = new Rate(connectionRate, Math.ceil(connectionBurst / 2))
    this.#all = new TokenBucket(this.#rate)
    this.#addresses = new Map()
  }

  /** Number of counted addresses. */
  get size(): number {
    return this.#addresses.size
  }

  /**
   * Count a connection. Returns null if the connection is allowed, otherwise the milliseconds until a retry can
   * succeed.
   */
  take(client: { readonly ip: string | undefined }): number | null {
    const now = performance.now()
    if (this.#all.take(now) && this.#addresses.size === 0) return null
    const { ip } = client
    // Clients of a Unix socket have no address, so they are not limited.
    if (ip === undefined) return null
    const tokens = this.#tokensOf(networkOf(ip))
    return tokens.take(now) ? null : tokens.wait(now)
  }

  /** Remove idle addresses. An address is idle if its bucket has been full for at least `msToFill`. */
  sweep(now: number): void {
    const since = now - this.#rate.msToFill
    for (const [address, tokens] of this.#addresses) if (tokens.isFull(since)) this.#addresses.delete(address)
  }

  #tokensOf(address: string): TokenBucket {
    const known = this.#addresses.get(address)
    if (known !== undefined) return known
    const tokens = new TokenBucket(this.#rate)
    if (this.#addresses.size < MAX_ADDRESSES) this.#addresses.set(address, tokens)
    return tokens
  }
}
