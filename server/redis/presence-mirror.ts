import type { Change, Presence } from '../presence/state.ts'
import type { Diff } from './presence-diff.ts'
import { type Entry, incarnationOf, refOf } from './presence-entry.ts'

/** What the other nodes have written of one topic, as far as it is known here: pure state. */
export class PresenceMirror {
  /** By reference, which a presence keeps when its node takes another incarnation. */
  readonly #entries: Map<string, Entry>

  constructor() {
    this.#entries = new Map()
  }

  /** Some of its presences are not among these. */
  misses(entries: readonly Entry[]): boolean {
    const refs = new Set(entries.map(({ field }) => refOf(field)))
    for (const ref of this.#entries.keys()) if (!refs.has(ref)) return true
    return false
  }

  /** Make it hold these entries, and those that it had before if it `keeps` them. What changed comes back. */
  reset(entries: readonly Entry[], keeps: boolean): Change {
    const before = new Map(this.#entries)
    if (!keeps) this.#entries.clear()
    for (const entry of entries) this.#entries.set(refOf(entry.field), entry)
    return {
      joins: presences(entries.filter(({ field }) => !before.has(refOf(field)))),
      leaves: keeps ? [] : presences([...before.values()].filter(({ field }) => !this.#has(field))),
    }
  }

  /** Make a change, joins first: one that moves to its node's next incarnation is in both halves, and stays. */
  apply({ joins, leaves }: Pick<Diff, 'joins' | 'leaves'>): Change {
    const joined = joins.filter(({ field }) => !this.#has(field))
    for (const entry of joins) this.#entries.set(refOf(entry.field), entry)
    const left = leaves.flatMap((field) => this.#remove(field))
    return { joins: presences(joined), leaves: presences(left) }
  }

  /** Forget a node's incarnation; its entries come back. */
  removeAll(incarnation: string): Entry[] {
    const entries = [...this.#entries.values()].filter((entry) => entry.incarnation === incarnation)
    for (const { field } of entries) this.#entries.delete(refOf(field))
    return entries
  }

  #has(field: string): boolean {
    return this.#entries.has(refOf(field))
  }

  #remove(field: string): Entry[] {
    const entry = this.#entries.get(refOf(field))
    // Of an incarnation that its node has left behind: the presence itself is still there.
    if (entry === undefined || entry.incarnation !== incarnationOf(field)) return []
    this.#entries.delete(refOf(field))
    return [entry]
  }
}

/** The presences of entries. */
export function presences(entries: readonly Entry[]): Presence[] {
  return entries.map(({ presence }) => presence)
}
