import type { TopicPattern } from '../../protocol/index.ts'
import type { Change, PresenceState } from './state.ts'

/**
 * Store for the presences of one definition. A single node uses a `LocalStore`. In a cluster, the store also exchanges
 * changes with the other nodes.
 */
export interface PresenceStore {
  /** Apply joins and leaves of this node. The local view has changed when this method returns. */
  change(topic: string, change: Change): void
  /** Presences on a topic on which this node has channels. The caller must not change the result. */
  view(topic: string): PresenceState
  /** Presences on any topic of the cluster. The caller must not change the result. */
  read(topic: string): Promise<PresenceState>
}

/** Listener to every change of a store's view, from any node, in order. */
export type ChangeListener = (topic: string, change: Change) => void

/** Part of a definition that a store uses: the definition's name, which is the same on all nodes, and its topics. */
export type PresenceScope = { readonly name: string; readonly pattern: TopicPattern }

/** Makes the store of one presence definition. */
export type OpenStore = (presence: PresenceScope, changed: ChangeListener) => PresenceStore
