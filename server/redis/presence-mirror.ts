import type { Change, Presence } from '../presence/state.ts'
import type { HashDiff } from './presence-diff.ts'
import { incarnationOf, type PresenceEntry, refOf } from './presence-entry.ts'

/** Local copy of the other nodes' presences on one topic: pure state, without IO. */
export class PresenceMirror {
  /** Entries by the `phx_ref` of their presences. */
  readonly #entries: Map<string, PresenceEntry>

  constructor() {
    this.#entries = new Map()
  }

  /** Returns true if the mirror contains presences that are not in `entries`. */
  hasMoreThan(entries: readonly PresenceEntry[]): boolean {
    const refs = new Set(entries.map(({ field }) => refOf(field)))
    for (const ref of this.#entries.keys()) if (!refs.has(ref)) return true
    return false
  }

  /** Replace the content of the mirror with `entries`, or add `entries` if `keeps` is true. Returns the change. */
  reset(entries: readonly PresenceEntry[], keeps: boolean): Change {
    const before = new Map(this.#entries)
    if (!keeps) this.#entries.clear()
    for (const entry of entries) this.#entries.set(refOf(entry.field), entry)
    return {
      joins: presencesOf(entries.filter(({ field }) => !before.has(refOf(field)))),
      leaves: keeps ? [] : presencesOf([...before.values()].filter(({ field }) => !this.#has(field))),
    }
  }

  /**
   * Apply a change, and return the presences that have joined or left. If a node has only moved a presence to another
   * field of the hash, the presence is not returned.
   */
  apply({ joins, leaves }: Pick<HashDiff, 'joins' | 'leaves'>): Change {
    const joined = joins.filter(({ field }) => !this.#has(field))
    for (const entry of joins) this.#entries.set(refOf(entry.field), entry)
    const left = leaves.flatMap((field) => this.#remove(field))
    return { joins: presencesOf(joined), leaves: presencesOf(left) }
  }

  /** Remove the entries that a node wrote under this incarnation (see `Membership`), and return them. */
  removeAll(incarnation: string): PresenceEntry[] {
    const entries = [...this.#entries.values()].filter((entry) => entry.incarnation === incarnation)
    for (const { field } of entries) this.#entries.delete(refOf(field))
    return entries
  }

  #has(field: string): boolean {
    return this.#entries.has(refOf(field))
  }

  #remove(field: string): PresenceEntry[] {
    const entry = this.#entries.get(refOf(field))
    // If the incarnations differ, keep the entry: the node has written the presence again under its new incarnation.
    if (entry === undefined || entry.incarnation !== incarnationOf(field)) return []
    this.#entries.delete(refOf(field))
    return [entry]
  }
}

export function presencesOf(entries: readonly PresenceEntry[]): Presence[] {
  return entries.map(({ presence }) => presence)
}
