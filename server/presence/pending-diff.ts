import type { Change, Presence } from './state.ts'

/**
 * Changes of one topic that are not sent to clients yet, merged into one diff (PRESENCE-4).
 *
 * The diff omits a presence that has joined and left since the previous diff. But if clients may already have the
 * presence (see `#known`), the diff contains the leave. Clients apply joins before leaves, so the diff never contains
 * both for one `phx_ref`.
 */
export class PendingDiff {
  /** Pending joins by `phx_ref`, in the order in which the presences joined. The diff lists metas in this order. */
  readonly #joins: Map<string, Presence>
  readonly #leaves: Map<string, Presence>
  /** The `phx_ref` of each presence in `#joins` that clients may have got from an earlier diff or the application. */
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

  /** Called when the application has read the topic's presences, and may send these presences to clients. */
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
