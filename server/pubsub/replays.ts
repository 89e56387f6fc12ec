import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from './history.ts'

/** Milliseconds for which a recreated broadcast is shared, from the first one in the cache. */
const SHARED_MS = 100
/** Maximum size of the cached payloads, in characters of JSON. With their frames, they need several times as much. */
const MAX_SIZE = 1_048_576

/**
 * Cache of broadcasts that were recreated from their kept form, for rejoining clients. Clients of one topic often rejoin
 * within a short time, and then share the broadcasts and their frames. The cache is small and short-lived, because a
 * broadcast needs several times the memory of its kept form.
 */
export class Replays {
  readonly #made: Map<Kept, Broadcast>
  #size: number
  #timer: NodeJS.Timeout | null

  constructor() {
    this.#made = new Map()
    this.#size = 0
    this.#timer = null
  }

  /** Recreate a broadcast from its kept form, or return it from the cache. */
  of(topic: string, kept: Kept): Broadcast {
    const made = this.#made.get(kept)
    if (made !== undefined) return made
    const { event, json, from, seq } = kept
    const broadcast = Broadcast.fromJson(topic, event, json, { from, seq })
    this.#timer ??= setTimeout(() => this.#expire(), SHARED_MS).unref()
    if (this.#size + json.length > MAX_SIZE) this.#clear()
    this.#size += json.length
    this.#made.set(kept, broadcast)
    return broadcast
  }

  #expire(): void {
    this.#timer = null
    this.#clear()
  }

  #clear(): void {
    this.#made.clear()
    this.#size = 0
  }
}
