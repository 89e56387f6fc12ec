import type {
  Broadcast,
  Contract,
  InEvent,
  InPayload,
  InReply,
  JoinParams,
  JoinReply,
  OutEvent,
  OutPayload,
} from '../../protocol/index.ts'
import type { Tracked } from '../presence/tracked.ts'
import type { Awaitable } from '../runtime/promise.ts'
import type { BroadcastOptions, PublishOptions } from './publish-options.ts'
import type { ErrorReply, ExitReason, ReplyResult, StopResult } from './result.ts'

export type { BroadcastOptions, PublishOptions } from './publish-options.ts'

declare const replyOf: unique symbol

/** Reference of one client message, for a later reply. `R` is the reply's type. */
export type SocketRef<R> = {
  readonly joinRef: unknown
  readonly ref: unknown
  readonly topic: string
  readonly event: unknown
  readonly [replyOf]?: R
}

/** Cancels a message of `sendInfoAfter`. */
export type CancelInfo = () => void

/** One client on one topic, as passed to a channel's callbacks. `R` is the reply's type. */
export interface ChannelSocket<C extends Contract = Contract, A = unknown, R = unknown> extends Tracked {
  /**
   * Mutable state of the channel: the result of its `assigns` function. Default: the socket's assigns, copied if they are
   * a plain object; any other value is shared by all channels of the socket.
   */
  readonly assigns: A
  /** Id of this channel, unique in the cluster, for `endpoint.sendInfo` and `endpoint.broadcastFrom`. */
  readonly id: string
  /** Id of the socket, computed by the `.id()` function of the socket definition; null if the socket has no id. */
  readonly socketId: string | null
  /**
   * Sender id of the client, which stays the same when the client reconnects; null if the client did not ask for
   * recovery (RECOVERY-7). Do not show this id to other clients: it is a secret.
   */
  readonly recoveryId: string | null
  readonly topic: string
  /** Part of the topic that the pattern's `*` matches: `lobby` on topic `room:lobby`. */
  readonly subtopic: string
  /** Send to this client. @throws UsageError before the join is answered. */
  push<E extends OutEvent<C>>(event: E, payload: NoInfer<OutPayload<C, E>>): void
  /** Send to all clients on the topic, including this one. @throws UsageError before the join is answered. */
  broadcast<E extends OutEvent<C>>(
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: BroadcastOptions,
  ): void
  /** Send to all clients on the topic except this one. @throws UsageError before the join is answered. */
  broadcastFrom<E extends OutEvent<C>>(
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: BroadcastOptions,
  ): void
  /**
   * Send as `broadcast` does. Resolves with true if the topic's history has kept the broadcast, and with false if the
   * result is unknown. After false, publish again with the same `key`. On a topic without a history, resolves with true
   * if the broadcast was sent to the other nodes (RECOVERY-13).
   *
   * Rejects with a KeyReusedError if the key was used for another event or payload. Rejects with a UsageError before
   * the join is answered, or if an option is invalid. Rejects with a ProtocolError if the payload cannot be sent or
   * kept.
   */
  publish<E extends OutEvent<C>>(
    event: E,
    payload: NoInfer<OutPayload<C, E>>,
    options?: PublishOptions,
  ): Promise<boolean>
  /** Reference of the message that is being handled. @throws UsageError when there is none. */
  ref(): SocketRef<R>
  /** Reply to a message later, from anywhere, even after the channel has ended (REPLY-3). */
  reply<T>(ref: SocketRef<T>, result: ReplyResult<NoInfer<T>>): void
  /** Send a message to this channel: `handleInfo[name](value, socket)` runs after the current callback. */
  sendInfo(name: string, value?: unknown): void
  /** Send a message to this channel after `ms` milliseconds, unless the channel ends earlier. */
  sendInfoAfter(ms: number, name: string, value?: unknown): CancelInfo
  /** Receive the broadcasts of another topic in `handleInfo.broadcast(message, socket)`. */
  subscribe(topic: string): void
  unsubscribe(topic: string): void
}

/** Result of `join`. `{ ok: {} }` is valid if the contract declares no reply. */
export type JoinResult<C extends Contract> = { readonly ok: JoinReply<C> } | ErrorReply
/** Result of a handler of events that clients send. */
export type InResult<R> = ReplyResult<R> | StopResult<R> | undefined
/** Result of a `handleOut` or `handleInfo` handler: nothing or a stop. The `reply` of the stop is ignored. */
export type IgnoredResult = StopResult | undefined

/** Handler of one event that clients send. It returns nothing, a reply, or a stop. */
export type HandleIn<C extends Contract, A, E extends InEvent<C>> = (
  payload: InPayload<C, E>,
  socket: ChannelSocket<C, A, InReply<C, E>>,
  event: E,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
) => Awaitable<InResult<InReply<C, E>> | void>

/** Callbacks of a channel, with the same names as in Phoenix. */
export type Callbacks<C extends Contract, A> = {
  /** Decides whether the client may join. Returns `{ ok: reply }` or `{ error: { reason } }` (JOIN-1). */
  join(params: JoinParams<C>, socket: ChannelSocket<C, A>): Awaitable<JoinResult<C>>
  /**
   * Handlers of the events that clients send, one for each event of the contract. In a channel without a contract, the
   * handler `'*'` gets all events that have no handler of their own.
   */
  handleIn?: { [E in InEvent<C>]: HandleIn<C, A, E> }
  /**
   * Handlers of intercepted broadcasts, which are not sent to the client automatically. All channels get the same
   * payload object, so a handler must not change it: to send something else, push a copy.
   */
  handleOut?: {
    [E in OutEvent<C>]?: (
      payload: OutPayload<C, E>,
      socket: ChannelSocket<C, A>,
      // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
    ) => Awaitable<IgnoredResult | void>
  }
  /** Handlers of `sendInfo` messages. The handler `broadcast` gets the broadcasts of subscribed topics. */
  handleInfo?: HandleInfo<C, A>
  /** Called when the channel has ended. A stopping server waits for this callback, up to a time limit. */
  terminate?(reason: ExitReason, socket: ChannelSocket<C, A>): Awaitable<void>
  // `handleIn` is required if the contract has events that clients send. For the general type `Contract`, it is
  // optional.
} & (Record<never, never> extends { [E in InEvent<C>]: unknown } ? unknown : { handleIn: object })

/** Handlers of `sendInfo` messages, by name. The handler `broadcast` gets the broadcasts of subscribed topics. */
export type HandleInfo<C extends Contract, A> = {
  broadcast?: InfoHandler<C, A, Broadcast>
  [name: string]: InfoHandler<C, A, never> | undefined
}

/** Handler of the `sendInfo` messages with a certain name. */
export type InfoHandler<C extends Contract, A, V> = (
  value: V,
  socket: ChannelSocket<C, A>,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
) => Awaitable<IgnoredResult | void>
