import { Broadcast } from '../../protocol/index.ts'
import type { Kept } from './history.ts'

/**
 * Broadcasts made of kept ones, for clients that come back. Clients that come back in the same turn of the event loop
 * share them and their frames; at its end they are forgotten, since they take several times the memory of a kept one.
 */
export class Replays {
  readonly #made: Map<Kept, Broadcast>

  constructor() {
    this.#made = new Map()
  }

  /** The broadcast that this was. */
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
