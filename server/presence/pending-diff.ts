import type { Change, Presence } from './state.ts'

/**
 * Changes of one topic that are not sent to clients yet, merged into one diff (PRESENCE-4).
 *
 * If a presence joins and then leaves, the diff does not contain the join. The diff contains the leave only if clients
 * may already have the presence (see `#known`). Clients apply joins before leaves, so the diff never contains both for
 * one `phx_ref`.
 */
export class PendingDiff {
  /** Pending joins by `phx_ref`, in the order in which the presences joined. The diff lists metas in this order. */
  readonly #joins: Map<string, Presence>
  readonly #leaves: Map<string, Presence>
  /** The `phx_ref`s in `#joins` that clients may know already. If such a presence leaves, the leave must be sent. */
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

  /** Called when the application reads the topic's presences, and may send them to clients before the next diff. */
  listed(): void {
    for (const phx_ref of this.#joins.keys()) this.#known.add(phx_ref)
  }

  /** Return the pending diff and clear it. */
  take(): Change {
    const change = { joins: [...this.#joins.values()], leaves: [...this.#leaves.values()] }
    this.#joins.clear()
    this.#leaves.clear()
    this.#known.clear()
    return change
  }
}
