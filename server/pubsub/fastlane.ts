import type { Broadcast, Frame, Serializer } from '../../protocol/index.ts'
import type { Subscriber } from './pubsub.ts'

/**
 * Deliver one broadcast to a topic's subscribers, all but the one it is from. A channel that does not
 * intercept the event sends the ready frame straight to its transport (BROADCAST-3).
 */
export function dispatch(subscribers: ReadonlySet<Subscriber>, broadcast: Broadcast): void {
  const { from } = broadcast
  let left = subscribers.size
  for (const subscriber of subscribers) {
    // Who subscribes meanwhile comes last, and is not among those of this broadcast.
    if (left-- === 0) return
    if (from === null || subscriber.id !== from) subscriber.receive(broadcast)
  }
}

/**
 * The broadcast's frame in one version, encoded once; null if the version cannot carry it.
 * @throws ProtocolError when no version can: the payload is not a JSON object.
 */
export function frameOf(broadcast: Broadcast, serializer: Serializer): Frame | null {
  let frame = broadcast.frames[serializer.index]
  if (frame === undefined) {
    frame = serializer.fastlane(broadcast)
    broadcast.frames[serializer.index] = frame
  }
  return frame
}

/** The frame of a kept broadcast with its place, encoded once; null if the version cannot carry it (RECOVERY-5). */
export function numberedFrameOf(broadcast: Broadcast, serializer: Serializer): Frame | null {
  const frame = frameOf(broadcast.numbered, serializer)
  if (frame !== null) frame.mustArrive = true
  return frame
}
