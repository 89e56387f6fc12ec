import type { Broadcast, Frame, Message, Reply, Serializer } from '../../protocol/index.ts'
import type { CallbackError } from '../errors.ts'
import type { Trackers } from '../presence/trackers.ts'
import type { KeepOptions } from '../pubsub/keep.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import type { Channel } from './channel.ts'
import type { OutgoingCheck } from './outgoing-check.ts'
import type { PendingCallbacks } from './pending-callbacks.ts'
import type { Refreshed } from './refresh.ts'
import type { Transport } from './transport.ts'

/** Interface through which a channel uses its connection. */
export interface ChannelHost {
  /** Id of the socket; null if the socket has no id. */
  readonly id: string | null
  /** Endpoint, for telemetry events. */
  readonly host: object
  readonly pubsub: PubSub
  readonly serializer: Serializer
  readonly trackers: Trackers
  readonly transport: Transport
  /** Values whose key contains one of these words are not logged. */
  readonly filterParameters: readonly string[]
  /** Topic patterns of the socket's channels. */
  readonly patterns: readonly string[]
  /** Pending callbacks of all connections. */
  readonly pendingCallbacks: PendingCallbacks
  /** Checks sent payloads against the contract; null if the check is off. */
  readonly outgoing: OutgoingCheck | null
  /**
   * Create an id for a channel, unique in the cluster. The endpoint finds the channel by this id until `forget` is
   * called.
   */
  identify(channel: Channel): string
  /** Remove the id of an ended channel. */
  forget(id: string): void
  /** Encode and send a message; never drop it if `mustArrive` is true. @throws ProtocolError when encoding fails. */
  send(message: Message | Reply, mustArrive?: boolean): void
  /** Called with the reply to a join. The connection sends these replies in the order of the joins (ORDER-3). */
  answered(channel: Channel, frame: Frame, isOk: boolean): void
  /** Called when a channel has ended. Frees its topic for another join. */
  ended(channel: Channel): void
  /** Count a client's message of `size` bytes that waits in a mailbox. */
  queued(size: number): void
  /** Undo `queued` for a message of `size` bytes that was taken out of the mailbox. */
  dequeued(size: number): void
  /** Count a broadcast that waits for a busy or joining channel. If too many wait, closes the connection. */
  queuedBroadcast(): void
  /** Undo `queuedBroadcast` for `count` broadcasts that were taken out of the queue. */
  dequeuedBroadcasts(count: number): void
  /** Publish to the topic's subscribers. @throws ProtocolError when the topic's history cannot keep the broadcast. */
  publish(broadcast: Broadcast, options?: KeepOptions): void
  /** Publish. Resolves with true if the topic's history has kept the broadcast, and with false if this is unknown. */
  confirm(broadcast: Broadcast, options: KeepOptions): Promise<boolean>
  /** Charge replayed bytes to the rate limit. Returns the milliseconds to wait before the next replay. */
  chargeReplay(bytes: number): number
  /** Assigns of the connection, merged with the assigns given to `SocketDefinition.channel`, which have priority. */
  assignsOn(route: { readonly assigns: object | null }): unknown
  /** Process a fresh token that a client sent on this topic (AUTH-5). */
  refresh(token: string, topic: string): Promise<Refreshed>
  /** Track a promise. When the server stops, it waits for tracked promises. A rejection is reported. */
  settle(promise: PromiseLike<unknown>): void
  /** Report an error of a callback of the channel on `topic`. */
  report(error: CallbackError, topic: string): void
  /** Report that a callback stopped the channel on `topic` for a reason that counts as a crash (END-2). */
  reportStop(reason: unknown, details: { readonly topic: string; readonly callback: string }): void
}
