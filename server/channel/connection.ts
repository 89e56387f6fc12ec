import type { Broadcast, Frame, Message, Reply, Serializer } from '../../protocol/index.ts'
import type { CallbackError } from '../errors.ts'
import type { Trackers } from '../presence/trackers.ts'
import type { KeepOptions, PubSub } from '../pubsub/pubsub.ts'
import type { Channel } from './channel.ts'
import type { OutgoingCheck } from './outgoing-check.ts'
import type { PendingCallbacks } from './pending-callbacks.ts'
import type { Refreshed } from './refresh.ts'
import type { Transport } from './transport.ts'

/** What a channel needs of the connection that it lives on. */
export interface Connection {
  /** The socket's id, or null. */
  readonly id: string | null
  /** The running system, which listeners of telemetry are told. */
  readonly host: object
  readonly pubsub: PubSub
  readonly serializer: Serializer
  readonly trackers: Trackers
  readonly transport: Transport
  /** Values whose key contains one of these words are not logged. */
  readonly filterParameters: readonly string[]
  /** Callbacks of all connections whose promise is pending. */
  readonly pendingCallbacks: PendingCallbacks
  /** Compares what is sent with the contract; null where nothing is compared. */
  readonly outgoing: OutgoingCheck | null
  /** A new id for a channel, unique in the cluster, by which it is found until `forget`. */
  identify(channel: Channel): string
  /** The channel of this id has ended. */
  forget(id: string): void
  /** Encode and send; `mustArrive` as in `Frame`. @throws ProtocolError when it cannot be encoded. */
  send(message: Message | Reply, mustArrive?: boolean): void
  /** The join is decided: `frame` is its reply, to be sent when its turn comes (ORDER-3). */
  answered(channel: Channel, frame: Frame, isOk: boolean): void
  /** The channel has ended and its topic is free. */
  ended(channel: Channel): void
  /** A client's message of so many bytes waits in a mailbox. */
  queued(size: number): void
  /** It waits no longer. */
  dequeued(size: number): void
  /** A broadcast waits for a channel that is busy or not yet joined; with too many the connection ends. */
  queuedBroadcast(): void
  /** So many wait no longer. */
  dequeuedBroadcasts(count: number): void
  /** Publish to the topic's subscribers. @throws ProtocolError when the topic's history cannot keep it. */
  publish(broadcast: Broadcast, options?: KeepOptions): void
  /** The same, and tell whether it is kept. */
  confirm(broadcast: Broadcast, options: KeepOptions): Promise<boolean>
  /** Milliseconds to wait after so many bytes have been replayed. */
  chargeReplay(bytes: number): number
  /** The connection's assigns, and over them those of a route. */
  assignsOn(route: { readonly assigns: object | null }): unknown
  /** Take a client's fresh token, which came on this topic (AUTH-5). */
  refresh(token: string, topic: string): Promise<Refreshed>
  /** Wait for this promise before the server stops; a rejection is reported. */
  settle(promise: PromiseLike<unknown>): void
  /** A callback of the application threw, of the channel of `topic`. */
  report(error: CallbackError, topic: string): void
  /** A callback of the channel of `topic` stopped it for a reason that is not an announced one (END-2). */
  reportStop(reason: unknown, details: { readonly topic: string; readonly callback: string }): void
}
