import type { Limits } from '../limits/config.ts'
import { networkOf } from '../socket/peer-address.ts'
import { Rate, TokenBucket } from '../socket/rate.ts'

/** So many addresses are told apart; further ones come in uncounted. */
const MAX_ADDRESSES = 50_000

/**
 * How often each address connects (LIMIT-6). Half of what one may do at once is for all together: as long
 * as that lasts nobody is asked for his address, which costs a system call.
 */
export class AddressRate {
  readonly #rate: Rate
  readonly #all: TokenBucket
  readonly #addresses: Map<string, TokenBucket>

  constructor({ connectionRate, connectionBurst }: Limits) {
    this.#rate = new Rate(connectionRate, Math.ceil(connectionBurst / 2))
    this.#all = new TokenBucket(this.#rate)
    this.#addresses = new Map()
  }

  /** How many addresses are known. */
  get size(): number {
    return this.#addresses.size
  }

  /** A client connects: null if it may, else the milliseconds until it may. */
  take(client: { readonly ip: string | undefined }): number | null {
    const now = performance.now()
    if (this.#all.take(now) && this.#addresses.size === 0) return null
    const { ip } = client
    // Clients of a Unix socket have none.
    if (ip === undefined) return null
    const tokens = this.#tokensOf(networkOf(ip))
    return tokens.take(now) ? null : tokens.wait(now)
  }

  /** Forget the addresses that have been quiet: for so long that the half that is for all is theirs again. */
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
