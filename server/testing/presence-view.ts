import { PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/index.ts'

type Meta = { readonly phx_ref: string }
type Entries = { [key: string]: { metas: Meta[] } }

/** Presences of a topic, computed from states and diffs like in the official client. */
export class PresenceView {
  entries: Entries

  constructor() {
    this.entries = {}
  }

  /** Apply a push. Events other than presence events are ignored. */
  take(event: string, payload: unknown): void {
    // The casts are safe: the server itself creates the payloads of these two events.
    if (event === PRESENCE_STATE) this.entries = structuredClone(payload as Entries)
    else if (event === PRESENCE_DIFF) this.#change(payload as { joins: Entries; leaves: Entries })
  }

  #change({ joins, leaves }: { readonly joins: Entries; readonly leaves: Entries }): void {
    for (const [key, { metas, ...fields }] of Object.entries(joins)) {
      const refs = metas.map(({ phx_ref }) => phx_ref)
      const others = (this.entries[key]?.metas ?? []).filter(({ phx_ref }) => !refs.includes(phx_ref))
      this.entries[key] = { ...fields, metas: [...others, ...metas] }
    }
    for (const [key, { metas }] of Object.entries(leaves)) {
      const refs = metas.map(({ phx_ref }) => phx_ref)
      const entry = this.entries[key]
      if (entry === undefined) continue
      entry.metas = entry.metas.filter(({ phx_ref }) => !refs.includes(phx_ref))
      if (entry.metas.length === 0) delete this.entries[key]
    }
  }
}
