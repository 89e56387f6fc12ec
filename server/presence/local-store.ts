import { type Change, PresenceState } from './state.ts'
import type { ChangeListener, PresenceStore } from './store.ts'

/** Store of a single node, without exchange with other nodes. */
export class LocalStore implements PresenceStore {
  readonly #changed: ChangeListener
  readonly #topics: Map<string, PresenceState>

  constructor(changed: ChangeListener) {
    this.#changed = changed
    this.#topics = new Map()
  }

  change(topic: string, change: Change): void {
    const state = this.view(topic)
    const made = state.merge(change)
    if (state.size === 0) this.#topics.delete(topic)
    else this.#topics.set(topic, state)
    this.#changed(topic, made)
  }

  view(topic: string): PresenceState {
    return this.#topics.get(topic) ?? new PresenceState()
  }

  async read(topic: string): Promise<PresenceState> {
    return this.view(topic)
  }
}
