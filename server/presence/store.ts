import type { TopicPattern } from '../../protocol/index.ts'
import type { Change, PresenceState } from './state.ts'

/**
 * Store for the presences of one definition. A single node uses a `LocalStore`. In a cluster, the store also exchanges
 * changes with the other nodes.
 */
export interface PresenceStore {
  /** Apply joins and leaves of this node. When this method returns, `view` already includes the change. */
  change(topic: string, change: Change): void
  /** Presences on a topic on which this node has channels. The caller must not change the result. */
  view(topic: string): PresenceState
  /** Presences on a topic, even if this node has no channel on the topic. The caller must not change the result. */
  read(topic: string): Promise<PresenceState>
}

/** Listener of a store (see `OpenStore`). Gets changes in order, including changes from other nodes. */
export type ChangeListener = (topic: string, change: Change) => void

/** Fields of a presence definition that a store needs. The `name` must be the same on all nodes. */
export type PresenceScope = { readonly name: string; readonly pattern: TopicPattern }

/**
 * Makes the store of one presence definition. The store calls `changed` for every change of its view, with one
 * exception: when this node has no more channels on a topic, the store calls `dropped`. The `leaves` of that change are
 * presences that disappear from the view, but have not left.
 */
export type OpenStore = (
  presence: PresenceScope,
  changed: ChangeListener,
  dropped: ChangeListener,
) => PresenceStore
