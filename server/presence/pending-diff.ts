import type { Change, Presence } from './state.ts'

/**
 * The changes of one topic that clients have not been told yet, to be told as one diff (PRESENCE-4).
 *
 * Clients apply joins before leaves, and keep what a leave does not name. So a presence that came and went
 * is in neither half: no client has heard of it. The exceptions are presences that clients may know: one
 * that went and came back, and one that the application has listed meanwhile. If these go, they are in the leaves.
 */
export class PendingDiff {
  /** By reference, in the order in which they came, as metas of one key are listed. */
  readonly #joins: Map<string, Presence>
  readonly #leaves: Map<string, Presence>
  /** References of joins that clients may know already. */
  readonly #known: Set<string>

  constructor() {
    this.#joins = new Map()
    this.#leaves = new Map()
    this.#known = new Set()
  }

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0
  }

  /** Merge a change into those that are pending. */
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

  /** The application has read who is present, and may have told a client. */
  listed(): void {
    for (const phx_ref of this.#joins.keys()) this.#known.add(phx_ref)
  }

  /** All of it as one change; nothing is pending afterwards. */
  take(): Change {
    const change = { joins: [...this.#joins.values()], leaves: [...this.#leaves.values()] }
    this.#joins.clear()
    this.#leaves.clear()
    this.#known.clear()
    return change
  }
}
