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
import type { BroadcastOptions, PublishOptions } from './publish-options.ts'
import type { ErrorReply, ExitReason, ReplyResult, StopResult } from './result.ts'

export type { BroadcastOptions, PublishOptions } from './publish-options.ts'

declare const replyOf: unique symbol

/** Names one message of a client, so that it can be answered later; `R` is its reply's type. */
export type SocketRef<R> = {
  readonly joinRef: unknown
  readonly ref: unknown
  readonly topic: string
  /** The event that is answered. */
  readonly event: unknown
  readonly [replyOf]?: R
}

/** Takes back what `sendInfoAfter` was to send. */
export type CancelInfo = () => void

/** What a channel's callbacks are given: one client on one topic. `R` is the reply's type. */
export interface ChannelSocket<C extends Contract = Contract, A = unknown, R = unknown> extends Tracked {
  /** The channel's own state: what the `assigns` factory made, mutable. */
  readonly assigns: A
  /** Identifies this joined channel in the cluster, for `endpoint.sendInfo` and `endpoint.broadcastFrom`. */
  readonly id: string
  /** The socket's id as its definition's `.id()` computed it, or null. */
  readonly socketId: string | null
  /**
   * The identity under which the client sends, the same after it has reconnected; null unless it asked for recovery
   * (RECOVERY-7). A secret of the client's: not to be shown to others.
   */
  readonly recoveryId: string | null
  readonly topic: string
  /** What the pattern's `*` stands for: `lobby` on topic `room:lobby`. */
  readonly subtopic: string
  /** Send to this client. @throws UsageError before the join is answered. */
  push<E extends OutEvent<C>>(event: E, payload: OutPayload<C, E>): void
  /** Send to everybody on the topic, this client too. @throws UsageError before the join is answered. */
  broadcast<E extends OutEvent<C>>(event: E, payload: OutPayload<C, E>, options?: BroadcastOptions): void
  /** Send to everybody on the topic but this channel. @throws UsageError before the join is answered. */
  broadcastFrom<E extends OutEvent<C>>(event: E, payload: OutPayload<C, E>, options?: BroadcastOptions): void
  /**
   * As `broadcast`, and tells whether the topic's history has kept it. False means that this is not known: publish it
   * again under the same `key`. Without a history: whether the other nodes were sent it (RECOVERY-13).
   * Rejects with a KeyReusedError when the key stands for another event or payload, with a UsageError before the join
   * is answered or for illegal options, and with a ProtocolError for a payload that cannot be sent or kept.
   */
  publish<E extends OutEvent<C>>(
    event: E,
    payload: OutPayload<C, E>,
    options?: PublishOptions,
  ): Promise<boolean>
  /** A reference of the message being handled. @throws UsageError when there is none. */
  ref(): SocketRef<R>
  /** Answer a message later, from anywhere; also after the channel has ended (REPLY-3). */
  reply<T>(ref: SocketRef<T>, result: ReplyResult<NoInfer<T>>): void
  /** Send this channel a message: `handleInfo[name](value, socket)` runs after the current callback. */
  sendInfo(name: string, value?: unknown): void
  /** The same after `ms` milliseconds, unless the channel ends before. */
  sendInfoAfter(ms: number, name: string, value?: unknown): CancelInfo
  /** Receive another topic's broadcasts at `handleInfo.broadcast(message, socket)`. */
  subscribe(topic: string): void
  unsubscribe(topic: string): void
}

type Awaitable<T> = T | Promise<T>
/** `{ ok: {} }` is legal for a join whose contract declares no reply. */
type JoinResult<C extends Contract> = { readonly ok: JoinReply<C> } | ErrorReply
type InResult<R> = ReplyResult<R> | StopResult<R> | undefined
type Ignored = StopResult | undefined

/** The handler of one event that clients send, whose name comes last; it returns nothing, a reply, or a stop. */
type HandleIn<C extends Contract, A, E extends InEvent<C>> = (
  payload: InPayload<C, E>,
  socket: ChannelSocket<C, A, InReply<C, E>>,
  event: E,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is typed void
) => Awaitable<InResult<InReply<C, E>> | void>

/** The callbacks of a channel, named as Phoenix names them. */
export type Callbacks<C extends Contract, A> = {
  /** May the client join, and what is it answered? `{ ok: reply }` or `{ error: reason }` (JOIN-1). */
  join(params: JoinParams<C>, socket: ChannelSocket<C, A>): Awaitable<JoinResult<C>>
  /** What happens with each event that clients send; one for every event of the contract. Without one, `'*'`. */
  handleIn?: { [E in InEvent<C>]: HandleIn<C, A, E> }
  /** Broadcasts that do not go to the client as they are: being listed here intercepts them. */
  handleOut?: {
    [E in OutEvent<C>]?: (
      payload: OutPayload<C, E>,
      socket: ChannelSocket<C, A>,
      // biome-ignore lint/suspicious/noConfusingVoidType: as above
    ) => Awaitable<Ignored | void>
  }
  /** Messages of `sendInfo`, and `broadcast` for those of subscribed topics. */
  handleInfo?: HandleInfo<C, A>
  /** The channel has ended. Awaited with a time limit when the server stops. */
  terminate?(reason: ExitReason, socket: ChannelSocket<C, A>): Awaitable<void>
}

/** Handlers of a channel's own messages; each name has a value type of its own. */
type HandleInfo<C extends Contract, A> = {
  broadcast?: InfoHandler<C, A, Broadcast>
  [name: string]: InfoHandler<C, A, never> | undefined
}

type InfoHandler<C extends Contract, A, V> = (
  value: V,
  socket: ChannelSocket<C, A>,
  // biome-ignore lint/suspicious/noConfusingVoidType: as above
) => Awaitable<Ignored | void>
