import type { Change, Presence } from './state.ts'

/**
 * Changes of one topic that clients have not been sent yet, merged into one diff (PRESENCE-4).
 *
 * Clients apply joins before leaves, and keep presences that no leave names. A presence that joined and left
 * within one window is in neither half, as no client has seen it. Exceptions are presences that clients may
 * know: one that left and came back, and one that the application has listed meanwhile. Their leaves are sent.
 */
export class PendingDiff {
  /** By reference, in the order of their joins, which is the order of metas in lists. */
  readonly #joins: Map<string, Presence>
  readonly #leaves: Map<string, Presence>
  /** References of pending joins that clients may know already. */
  readonly #known: Set<string>

  constructor() {
    this.#joins = new Map()
    this.#leaves = new Map()
    this.#known = new Set()
  }

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0
  }

  /** Merge a change into the pending diff. */
  add({ joins, leaves }: Change): void {
    for (const presence of joins) {
      const { phx_ref } = presence.meta
      if (this.#leaves.delete(phx_ref)) this.#known.add(phx_ref)
      this.#joins.set(phx_ref, presence)
    }
    for (const presence of leaves) {
      const { phx_ref } = presence.meta
      const isUnheardOf = this.#joins.delete(phx_ref) && !this.#known.delete(phx_ref)
      if (!isUnheardOf) this.#leaves.set(phx_ref, presence)
    }
  }

  /** Note that the application has listed the topic, and may have sent the list to a client. */
  listed(): void {
    for (const phx_ref of this.#joins.keys()) this.#known.add(phx_ref)
  }

  /** Take the pending diff; it is empty afterwards. */
  take(): Change {
    const change = { joins: [...this.#joins.values()], leaves: [...this.#leaves.values()] }
    this.#joins.clear()
    this.#leaves.clear()
    this.#known.clear()
    return change
  }
}
