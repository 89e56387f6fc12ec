import type { PresenceSettings } from './settings.ts'
import type { Change, PresenceState } from './state.ts'

/**
 * Who is present, as this node knows it. Alone, a node has a `LocalStore`; in a cluster the store also
 * tells the other nodes, and hears from them.
 */
export interface PresenceStore {
  /** Channels of this node came or went. Its own view has changed when this returns. */
  change(topic: string, change: Change): void
  /** Who is present on a topic on which this node has channels. Not to be changed by the caller. */
  view(topic: string): PresenceState
  /** Who is present on any topic of the cluster. Not to be changed by the caller. */
  read(topic: string): Promise<PresenceState>
}

/** Hears of every change in a store's view, whichever node it comes from, in order. */
export type ChangeListener = (topic: string, change: Change) => void

/** A presence as a store knows it: its name, the same on all nodes, and the topics that it is for. */
export type PresenceScope = Pick<PresenceSettings, 'name' | 'pattern'>

/** Makes the store of one presence definition. */
export type OpenStore = (presence: PresenceScope, changed: ChangeListener) => PresenceStore
