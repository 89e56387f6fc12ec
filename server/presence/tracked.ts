import type { Trackers } from './trackers.ts'

/** What presence needs to know of a running system. */
export interface PresenceHost {
  /** Its trackers, for `definePresence`. */
  readonly trackers: Trackers
}

/** Is told once when a channel that it tracks ends. */
export interface TrackedListener {
  ended(channel: { readonly topic: string }): void
}

/** What presence needs to know of a channel. */
export interface Tracked extends PresenceHost {
  readonly topic: string
  /** True until the join's reply is written. */
  readonly isJoining: boolean
  push(event: string, payload: unknown): void
  /** Have a listener told once when the channel ends, however it ends; at once if it has ended. */
  onEnd(listener: TrackedListener): void
}
