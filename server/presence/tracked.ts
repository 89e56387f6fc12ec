import type { Trackers } from './trackers.ts'

/** What presence needs to know of a running system. */
export interface PresenceHost {
  /** Its trackers, for `definePresence`. */
  readonly trackers: Trackers
}

/** What `handleMetas` can do with the running system. */
export interface PresenceEndpoint extends PresenceHost {
  /** To everybody on a topic, on every node. @throws ProtocolError when the payload cannot be sent. */
  broadcast(topic: string, event: string, payload: object): Promise<boolean> | undefined
  /** To those on this node only. @throws ProtocolError when the payload cannot be sent. */
  localBroadcast(topic: string, event: string, payload: object): void
  /** To a channel of this node by its id; false if there is none. */
  sendInfo(channelId: string, name: string, value?: unknown): boolean
}

/** Is told once when the owner of presences ends. */
export interface TrackedListener {
  ended(owner: object): void
}

/** Something whose presences last until it ends: a channel, or what `endpoint.ownerOf` makes of a worker. */
export interface PresenceOwner extends PresenceHost {
  /** Have a listener told once when it ends, however it ends; at once if it has ended. */
  onEnd(listener: TrackedListener): void
}

/** What presence needs to know of a channel. */
export interface Tracked extends PresenceOwner {
  readonly topic: string
  /** True until the join's reply is written. */
  readonly isJoining: boolean
  push(event: string, payload: unknown): void
}
