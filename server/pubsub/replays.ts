import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from './history.ts'

/**
 * Cache of broadcasts created from kept ones, for rejoining clients. Clients that rejoin in the same event-loop turn
 * share them and their frames. The cache is cleared at the end of the turn, as they need several times the memory of
 * kept ones.
 */
export class Replays {
  readonly #made: Map<Kept, Broadcast>

  constructor() {
    this.#made = new Map()
  }

  /** Recreate the broadcast of a kept one. */
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
