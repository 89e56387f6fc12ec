/** Part of an endpoint, or of a channel, that presence uses. */
export interface PresenceHost {
  /** State of the presences, for `definePresence`. */
  readonly trackers: object
}

/** Part of the endpoint that `handleMetas` gets. */
export interface PresenceEndpoint extends PresenceHost {
  /** Broadcast to all subscribers of a topic, on every node. @throws ProtocolError when the payload cannot be sent. */
  broadcast(topic: string, event: string, payload: object): Promise<boolean> | undefined
  /** Broadcast to the subscribers of this node only. @throws ProtocolError when the payload cannot be sent. */
  localBroadcast(topic: string, event: string, payload: object): void
  /** Send a message to a channel of this node by the channel's id. Returns false if no channel has this id. */
  sendInfo(channelId: string, name: string, value?: unknown): boolean
}

/** Listener to the end of owners. */
export interface TrackedListener {
  ended(owner: object): void
}

/**
 * Owner of presences: a channel, or the result of `endpoint.ownerOf(worker)`. The presences leave when the owner ends.
 */
export interface PresenceOwner extends PresenceHost {
  /** Call the listener once when the owner ends, or immediately if the owner has ended already. */
  onEnd(listener: TrackedListener): void
}

/** Part of a channel that presence uses. */
export interface Tracked extends PresenceOwner {
  readonly topic: string
  /** True until the join's reply is written. */
  readonly isJoining: boolean
  push(event: string, payload: unknown): void
}
