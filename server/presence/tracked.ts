/** The fields of an endpoint or a channel that a presence definition needs. */
export interface PresenceHost {
  /** The `Trackers` of the endpoint. Only `definePresence` uses this object. */
  readonly trackers: object
}

/** The methods of the endpoint that `handleMetas` can call. */
export interface PresenceEndpoint extends PresenceHost {
  /** Broadcast to all subscribers of a topic, on every node. @throws ProtocolError when the payload cannot be sent. */
  broadcast(topic: string, event: string, payload: object): Promise<boolean> | undefined
  /** Broadcast to the topic's subscribers on this node only. @throws ProtocolError when the payload cannot be sent. */
  localBroadcast(topic: string, event: string, payload: object): void
  /** Send a message to a channel of this node by the channel's id. Returns false if no channel has this id. */
  sendInfo(channelId: string, name: string, value?: unknown): boolean
}

/** Listener that is called when an owner of presences ends. */
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

/** The fields and methods of a channel that a presence definition needs. */
export interface Tracked extends PresenceOwner {
  readonly topic: string
  /** True until the join's reply is written. */
  readonly isJoining: boolean
  push(event: string, payload: unknown): void
}
