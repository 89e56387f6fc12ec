import { createHash } from 'node:crypto'
import type { Broadcast } from '../../protocol/index.ts'

/** The broadcast that a key stands for. */
type Known = { readonly seq: number; readonly digest: string; readonly at: number }

/** Memory of a key beside its characters, about. */
const KEY_BYTES = 200

/** The keys of a topic's latest broadcasts, so that one which is sent again is known (RECOVERY-13). */
export class BroadcastKeys {
  readonly #ttlMs: number
  readonly #max: number
  readonly #known: Map<string, Known>
  /** Memory of all keys, about. */
  bytes: number

  /** Remember at most `max` keys, each for `ttlMs` milliseconds. */
  constructor(ttlMs: number, max: number) {
    this.#ttlMs = ttlMs
    this.#max = max
    this.#known = new Map()
    this.bytes = 0
  }

  /** The place of the broadcast that was sent under this key; null if it is new, `reused` if that was another. */
  find(key: string, broadcast: Broadcast, now: number): number | 'reused' | null {
    this.#forget(now)
    const known = this.#known.get(key)
    if (known === undefined) return null
    return known.digest === digestOf(broadcast) ? known.seq : 'reused'
  }

  add(key: string, broadcast: Broadcast, now: number): void {
    this.restore(key, { seq: broadcast.seq, digest: digestOf(broadcast), at: now })
    this.#forget(now)
  }

  /** Remember what another process knew. */
  restore(key: string, known: Known): void {
    if (!this.#known.has(key)) this.bytes += KEY_BYTES + key.length
    this.#known.set(key, known)
  }

  entries(): IterableIterator<[string, Known]> {
    return this.#known.entries()
  }

  /** Forget the keys that are too old, and the oldest ones above `max`. */
  #forget(now: number): void {
    for (const [key, { at }] of this.#known) {
      if (this.#known.size <= this.#max && at + this.#ttlMs > now) return
      this.#known.delete(key)
      this.bytes -= KEY_BYTES + key.length
    }
  }
}

/** Tells apart broadcasts that differ in event or payload. */
export function digestOf({ event, json }: Broadcast): string {
  return createHash('sha256')
    .update(JSON.stringify(event))
    .update(json ?? '')
    .digest('base64')
}
