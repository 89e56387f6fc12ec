import type { Kept } from '../pubsub/history.ts'

/** Approximate memory of a cached broadcast, without its payload, in bytes. */
const KEPT_BYTES = 200

/** Approximate size of the caches of all topics together, in bytes. */
export type CacheBytes = { total: number }

/**
 * Cache of one topic's broadcasts, by sequence number. It contains broadcasts that were read from Redis for joins, and
 * broadcasts that were delivered afterwards. The sequence numbers may have gaps. Broadcasts of earlier epochs (see
 * `Position`) are stored separately.
 */
export class HistoryCache {
  readonly #kept: Map<number, Kept>
  readonly #shared: CacheBytes
  #bytes: number
  #earlier: readonly Kept[]
  #earlierCount: number

  constructor(shared: CacheBytes) {
    this.#kept = new Map()
    this.#shared = shared
    this.#bytes = 0
    this.#earlier = []
    this.#earlierCount = 0
  }

  /**
   * Return the latest `count` broadcasts of earlier epochs, the oldest first. Returns null if these broadcasts must be
   * read from Redis first.
   */
  earlier(count: number): readonly Kept[] | null {
    return count <= this.#earlierCount ? this.#earlier.slice(-count) : null
  }

  /**
   * Store the latest broadcasts of earlier epochs. `count` is the number of broadcasts that were requested from Redis;
   * `earlier` may contain fewer.
   */
  keepEarlier(earlier: readonly Kept[], count: number): void {
    this.#count(sizeOf(earlier) - sizeOf(this.#earlier))
    this.#earlier = earlier
    this.#earlierCount = count
  }

  get(seq: number): Kept | undefined {
    return this.#kept.get(seq)
  }

  add(kept: Kept): void {
    if (this.#kept.has(kept.seq)) return
    this.#kept.set(kept.seq, kept)
    this.#count(sizeOf([kept]))
  }

  delete(seq: number): void {
    const kept = this.#kept.get(seq)
    if (kept === undefined) return
    this.#kept.delete(seq)
    this.#count(-sizeOf([kept]))
  }

  clear(): void {
    this.#kept.clear()
    this.#earlier = []
    this.#earlierCount = 0
    this.#count(-this.#bytes)
  }

  #count(change: number): void {
    this.#bytes += change
    this.#shared.total += change
  }
}

function sizeOf(entries: readonly Kept[]): number {
  return entries.reduce((sum, { json }) => sum + KEPT_BYTES + json.length, 0)
}
