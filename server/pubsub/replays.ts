import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from './history.ts'

/** Milliseconds after which the cache is cleared, counted from the first broadcast that is put into it. */
const SHARED_MS = 100
/** Maximum total length of the cached payloads, in characters of JSON. The cache uses several times as many bytes. */
const MAX_SIZE = 1_048_576

/**
 * Cache of broadcasts that were recreated from a history for rejoining clients. Clients of one topic often rejoin
 * within a short time, and then share the broadcasts and their frames. The cache is small and short-lived, because a
 * recreated broadcast needs several times the memory of its entry in the history.
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

  /** Return the `Broadcast` of a history entry, from the cache if possible. */
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
