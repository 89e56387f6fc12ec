import type { Broadcast, Frame, Serializer } from '../../protocol/index.ts'
import type { Subscriber } from './pubsub.ts'

/**
 * Deliver one broadcast to a topic's subscribers, except the sender of the broadcast. If a channel does not intercept
 * the event, its `receive` only passes the encoded frame to the transport (BROADCAST-3).
 */
export function dispatch(subscribers: ReadonlySet<Subscriber>, broadcast: Broadcast): void {
  const { from } = broadcast
  let left = subscribers.size
  for (const subscriber of subscribers) {
    // Subscribers that are added during this loop come last. Stop there, so that the loop ends even if handlers keep
    // adding subscribers. If a subscriber was removed before its turn, an added one may get the broadcast.
    if (left-- === 0) return
    if (from === null || subscriber.id !== from) subscriber.receive(broadcast)
  }
}

/** Frame of a broadcast in one protocol version, encoded once; null if the version does not support the payload. */
export function frameOf(broadcast: Broadcast, serializer: Serializer): Frame | null {
  let frame = broadcast.frames[serializer.index]
  if (frame === undefined) {
    frame = serializer.fastlane(broadcast)
    broadcast.frames[serializer.index] = frame
  }
  return frame
}

/**
 * Frame with the payload and the sequence number of a kept broadcast, encoded once. Null if the protocol version does
 * not support the payload (RECOVERY-5).
 */
export function numberedFrameOf(broadcast: Broadcast, serializer: Serializer): Frame | null {
  const frame = frameOf(broadcast.numbered, serializer)
  if (frame !== null) frame.mustArrive = true
  return frame
}
