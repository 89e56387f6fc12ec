import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from './history.ts'

/**
 * Cache of broadcasts that were recreated from their kept form, for rejoining clients. Clients that rejoin in the same
 * event-loop turn share the broadcasts and their frames. The cache is cleared at the end of the turn, because a
 * broadcast needs several times the memory of its kept form.
 */
export class Replays {
  readonly #made: Map<Kept, Broadcast>

  constructor() {
    this.#made = new Map()
  }

  /** Recreate a broadcast from its kept form, or return it from the cache. */
  of(topic: string, kept: Kept): Broadcast {
    const made = this.#made.get(kept)
    if (made !== undefined) return made
    const { event, json, from, seq } = kept
    const broadcast = Broadcast.fromJson(topic, event, json, { from, seq })
    if (this.#made.size === 0) setImmediate(() => this.#made.clear())
    this.#made.set(kept, broadcast)
    return broadcast
  }
}
