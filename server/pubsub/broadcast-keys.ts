import { createHash } from 'node:crypto'
import type { Broadcast } from '../../protocol/index.ts'

/** Sequence number, digest and time (milliseconds since 1970) of a broadcast that was sent with a key. */
export type KnownKey = { readonly seq: number; readonly digest: string; readonly at: number }

/** Approximate memory of a key in bytes, not counting the characters of the key. */
const KEY_BYTES = 200

/** Deduplication keys of a topic's latest broadcasts (RECOVERY-13). */
export class BroadcastKeys {
  readonly #ttlMs: number
  readonly #known: Map<string, KnownKey>
  /** Approximate memory of all keys, in bytes. */
  bytes: number

  /** Keep each key for `ttlMs` milliseconds. */
  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs
    this.#known = new Map()
    this.bytes = 0
  }

  /**
   * Find the sequence number of the broadcast that was sent with this key. Returns null for a new key, and `reused` if
   * the key was used for another event or payload.
   */
  find(key: string, broadcast: Broadcast, now: number): number | 'reused' | null {
    this.forget(now)
    const known = this.#known.get(key)
    if (known === undefined) return null
    return known.digest === digestOf(broadcast) ? known.seq : 'reused'
  }

  add(key: string, broadcast: Broadcast, now: number): void {
    this.restore(key, { seq: broadcast.seq, digest: digestOf(broadcast), at: now })
    this.forget(now)
  }

  /** Add a key with its stored data, for example from the file of an earlier process. */
  restore(key: string, known: KnownKey): void {
    if (!this.#known.has(key)) this.bytes += KEY_BYTES + key.length
    this.#known.set(key, known)
  }

  entries(): IterableIterator<[string, KnownKey]> {
    return this.#known.entries()
  }

  /** Remove the oldest keys until the memory of the others is at most `bytes`. */
  dropOldest(bytes: number): void {
    for (const key of this.#known.keys()) {
      if (this.bytes <= bytes) return
      this.#remove(key)
    }
  }

  /** Remove expired keys. */
  forget(now: number): void {
    for (const [key, { at }] of this.#known) {
      if (at + this.#ttlMs > now) return
      this.#remove(key)
    }
  }

  #remove(key: string): void {
    this.#known.delete(key)
    this.bytes -= KEY_BYTES + key.length
  }
}

/** Digest of a broadcast's event and payload. */
export function digestOf({ event, json }: Broadcast): string {
  return createHash('sha256')
    .update(JSON.stringify(event))
    .update(json ?? '')
    .digest('base64')
}
