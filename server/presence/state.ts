/** A meta as clients see it: frozen JSON that includes a unique reference (PRESENCE-3). */
export type Meta = {
  readonly phx_ref: string
  readonly phx_ref_prev?: string
  readonly [field: string]: unknown
}

/** Presence of one owner under one key. The object is never changed, only replaced. */
export type Presence = { readonly key: string; readonly meta: Meta }

/** Presences that joined and presences that left. */
export type Change = { readonly joins: readonly Presence[]; readonly leaves: readonly Presence[] }

/** Keys and their metas, as sent to clients. The object has no prototype, so that `__proto__` is an ordinary key. */
export type Entries = { [key: string]: { metas: Meta[] } }

/** Presences on one topic: pure state, without clock or IO. */
export class PresenceState {
  readonly #keys: Map<string, Meta[]>

  constructor() {
    this.#keys = new Map()
  }

  /** Number of keys. */
  get size(): number {
    return this.#keys.size
  }

  /** Presences of one key, in the order of their joins. */
  of(key: string): Presence[] {
    return (this.#keys.get(key) ?? []).map((meta) => ({ key, meta }))
  }

  has({ key, meta }: Presence): boolean {
    return indexOf(this.#keys.get(key), meta) !== -1
  }

  /** Add a presence. Returns false if the presence exists already. */
  join(presence: Presence): boolean {
    if (this.has(presence)) return false
    const { key, meta } = presence
    const metas = this.#keys.get(key)
    if (metas === undefined) this.#keys.set(key, [meta])
    else metas.push(meta)
    return true
  }

  /** Remove a presence. Returns false if the presence does not exist. */
  leave({ key, meta }: Presence): boolean {
    const metas = this.#keys.get(key)
    const at = indexOf(metas, meta)
    if (metas === undefined || at === -1) return false
    if (metas.length === 1) this.#keys.delete(key)
    else metas.splice(at, 1)
    return true
  }

  /** Apply a change: joins before leaves, as clients do. Returns the part of the change that had an effect. */
  merge({ joins, leaves }: Change): Change {
    return {
      joins: joins.filter((presence) => this.join(presence)),
      leaves: leaves.filter((presence) => this.leave(presence)),
    }
  }

  *[Symbol.iterator](): Generator<Presence> {
    for (const [key, metas] of this.#keys) for (const meta of metas) yield { key, meta }
  }
}

/** Group presences by key. */
export function toEntries(presences: Iterable<Presence>): Entries {
  const entries: Entries = Object.create(null)
  for (const { key, meta } of presences) {
    const entry = entries[key]
    if (entry === undefined) entries[key] = { metas: [meta] }
    else entry.metas.push(meta)
  }
  return entries
}

function indexOf(metas: readonly Meta[] | undefined, meta: Meta): number {
  return metas === undefined ? -1 : metas.findIndex(({ phx_ref }) => phx_ref === meta.phx_ref)
}
