import type { Change, Presence } from './state.ts'

/** The changes of one topic that clients have not been told yet, to be told as one diff. */
export class PendingDiff {
  readonly #joins: Map<string, Presence>
  readonly #leaves: Map<string, Presence>

  constructor() {
    this.#joins = new Map()
    this.#leaves = new Map()
  }

  get isEmpty(): boolean {
    return this.#joins.size === 0 && this.#leaves.size === 0
  }

  /**
   * Clients apply joins before leaves. So one who came and went is in both halves, which also takes it
   * out of a list that was read in between; one who went and came back is in the first alone.
   */
  add({ joins, leaves }: Change): void {
    for (const presence of joins) {
      this.#leaves.delete(presence.meta.phx_ref)
      this.#joins.set(presence.meta.phx_ref, presence)
    }
    for (const presence of leaves) this.#leaves.set(presence.meta.phx_ref, presence)
  }

  /** All of it as one change; nothing is pending afterwards. */
  take(): Change {
    const change = { joins: [...this.#joins.values()], leaves: [...this.#leaves.values()] }
    this.#joins.clear()
    this.#leaves.clear()
    return change
  }
}
