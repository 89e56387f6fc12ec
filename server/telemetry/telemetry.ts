import { channel } from 'node:diagnostics_channel'
import { callback, checkOption } from '../../protocol/check.ts'
import type { Broadcast, Frame } from '../../protocol/index.ts'
import { wordsOf } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { LogLevel } from './log-level.ts'

/** Members of a socket that listeners can rely on. */
export type TelemetrySocket = {
  readonly id: string | null
  readonly transport: { readonly name: string; readonly bufferedAmount: number }
  /** Option `filterParameters` of the mount or the plugin: values whose key contains one of these words are secret. */
  readonly filterParameters: readonly string[]
  /** Topic patterns of the socket's channels. */
  readonly patterns: readonly string[]
}

/** Runs an application's callback in a context that a telemetry listener chose, and returns the callback's result. */
export type RunInContext = <T>(callback: () => T) => T

/** Message `M` with the endpoint that published the message. */
type Of<M> = { readonly endpoint: object } & M
type OfSocket<M> = Of<{ readonly socket: TelemetrySocket } & M>

/**
 * Message about a call of an application's callback, published before the call and again after the call. A join that is
 * refused without a call is published once. Before the call, values that are not known yet are null or 0.
 */
type OperationOf<M> = Of<M> & {
  /** Function that runs the callback, or null (default). A listener can set the function before the callback runs. */
  runInContext: RunInContext | null
  /** Level at which the call is logged; false means not at all. */
  readonly log: LogLevel | false
  /**
   * `ok`, `error` (refused) or `crash` (the callback threw or returned an invalid value). For a client's message also
   * `none` (no reply), `stop` (the channel ends) or a reply status of the application. Null until the call has ended.
   */
  readonly result: string | null
  /** Reason of a refused join or message, as sent to the client, or the reason that `connect` returned. */
  readonly reason: unknown
  /** Value that the callback threw; null if it threw nothing. */
  readonly error: unknown
  /** Duration of the call in milliseconds. */
  readonly duration: number
}

/** A client asks to connect. */
export type ConnectOperation = OperationOf<{
  /** Path of the mount. */
  readonly path: string
  readonly transport: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly params: Readonly<Record<string, unknown>>
  /** Option `filterParameters` of the mount or the plugin: values whose key contains one of these words are secret. */
  readonly filterParameters: readonly string[]
  /**
   * Cause of the refusal: the failed check (`vsn`, `params`, `connect`, `expired` or `id`), or `crash` if a callback
   * threw. Null if the client is not refused.
   */
  readonly refused: string | null
  readonly vsn: string | null
  /** Id of the socket; null if the socket has no id, or the id is not known yet. */
  readonly id: string | null
  /** Object that identifies the connection; `socketOpened` has the same object. Null if the client is refused. */
  readonly handshake: object | null
}>

/** A client asks to join a topic. */
export type JoinOperation = OperationOf<{
  readonly socket: TelemetrySocket
  readonly topic: string
  /** Pattern of the channel that matches the topic; null if no channel matches. */
  readonly pattern: string | null
  readonly params: unknown
  /** Validation errors that the client got for the params; null if there are none. */
  readonly errors: unknown
}>

/** Message of a client to a channel. */
export type HandleInOperation = OperationOf<{
  readonly socket: TelemetrySocket
  readonly topic: string
  readonly pattern: string
  /** Name of the event; `*` if only the handler `'*'` gets the event; null if no handler gets the event. */
  readonly event: string | null
  /** Event as sent by the client: any value, of any length. */
  readonly givenEvent: unknown
  readonly ref: unknown
  readonly payload: unknown
  /** Validation errors that the client got for the payload; null if there are none. */
  readonly errors: unknown
  /** Length of the frame in bytes. */
  readonly size: number
}>

/** Diagnostics channel for messages of the TypeScript type `M`. */
export interface TelemetryChannel<M> {
  readonly name: string | symbol
  readonly hasSubscribers: boolean
  publish(message: M): void
  subscribe(listener: (message: M) => void): void
  unsubscribe(listener: (message: M) => void): void
}

/**
 * Diagnostics channel whose listeners may throw. The first error of each listener becomes a process warning; without
 * this class, an error would end the process.
 */
class GuardedChannel<M> implements TelemetryChannel<M> {
  readonly #channel: TelemetryChannel<M>
  /** Wrapper of each listener. `#channel` calls the wrapper, which calls the listener. */
  readonly #guards: WeakMap<(message: M) => void, (message: M) => void>

  constructor(channel: TelemetryChannel<M>) {
    this.#channel = channel
    this.#guards = new WeakMap()
  }

  get name(): string | symbol {
    return this.#channel.name
  }

  get hasSubscribers(): boolean {
    return this.#channel.hasSubscribers
  }

  publish(message: M): void {
    this.#channel.publish(message)
  }

  /** @throws UsageError with `PHX_ERR_OPTION` when the listener is not a function. */
  subscribe(listener: (message: M) => void): void {
    checkOption('the listener of telemetry', listener, callback)
    const guard = this.#guards.get(listener) ?? guarded(listener, String(this.name))
    this.#guards.set(listener, guard)
    this.#channel.subscribe(guard)
  }

  unsubscribe(listener: (message: M) => void): void {
    const guard = this.#guards.get(listener)
    if (guard !== undefined) this.#channel.unsubscribe(guard)
  }
}

function guarded<M>(listener: (message: M) => unknown, name: string): (message: M) => void {
  let hasFailed = false
  const failed = (cause: unknown): void => {
    if (hasFailed) return
    hasFailed = true
    process.emitWarning(`listener of ${name} failed: ${wordsOf(cause)}`, 'PhoenixWarning')
  }
  return (message) => {
    try {
      const result = listener(message)
      // An async listener rejects instead of throwing.
      if (isPromise(result)) adopt(result).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}

/**
 * Diagnostics channels of the framework, with names in the style of Phoenix's telemetry (TELEMETRY-1). Nothing is
 * computed for a channel without subscribers. `docs/telemetry.md` describes each channel.
 */
export const telemetry = Object.freeze({
  /** A client asks to connect. */
  socketConnecting: typedChannel<ConnectOperation>('phoenix.socket_connecting'),
  /**
   * The client was accepted or refused. The object of `socketConnecting` is published again, now with `result` and
   * `duration`.
   */
  socketConnected: typedChannel<ConnectOperation>('phoenix.socket_connected'),
  /** A connection is open; `handshake` is the same object as in `socketConnected`. */
  socketOpened: typedChannel<OfSocket<{ readonly handshake: object }>>('phoenix.socket_opened'),
  /** A client was refused; `refused` is the failed check, the kind of limit, or `crash`. */
  socketRefused:
    typedChannel<Of<{ path: string; transport: string; refused: string }>>('phoenix.socket_refused'),
  /** A connection has ended. `code` is its close code; null if the connection has ended without a close code. */
  socketClosed:
    typedChannel<OfSocket<{ code: number | null; by: 'client' | 'server'; reason: string }>>(
      'phoenix.socket_closed',
    ),
  /** The server is stopping and closes the next `count` connections of `total`. */
  socketDrain:
    typedChannel<Of<{ count: number; total: number; index: number; rounds: number }>>('phoenix.socket_drain'),
  /** A client asks to join. */
  channelJoining: typedChannel<JoinOperation>('phoenix.channel_joining'),
  /**
   * The join was accepted or refused. The object of `channelJoining` is published again, now with `result` and
   * `duration`. If a join is refused before the join callback runs, only this event is published.
   */
  channelJoined: typedChannel<JoinOperation>('phoenix.channel_joined'),
  /** A channel receives a message of a client. */
  channelHandlingIn: typedChannel<HandleInOperation>('phoenix.channel_handling_in'),
  /** The message was handled. The object of `channelHandlingIn` is published again, with `result` and `duration`. */
  channelHandledIn: typedChannel<HandleInOperation>('phoenix.channel_handled_in'),
  /**
   * A channel crashed: a callback threw `error`, or stopped the channel for a `reason` other than normal or shutdown.
   * One of these two fields is null. The crash ends the channel. If `terminate` or `onEnd` threw, the channel was
   * ending already.
   */
  channelCrashed:
    typedChannel<
      OfSocket<{ topic: string; pattern: string; callback: string; error: unknown; reason: unknown }>
    >('phoenix.channel_crashed'),
  /** A reply or push was sent to one client; `pattern` is null if no channel matches the topic. */
  messageSent:
    typedChannel<OfSocket<{ topic: unknown; pattern: string | null; size: number; frame: Frame }>>(
      'phoenix.message_sent',
    ),
  /** A broadcast was delivered to the topic's subscribers on this node. */
  broadcastDispatched: typedChannel<Of<{ broadcast: Broadcast; subscribers: ReadonlySet<object> }>>(
    'phoenix.broadcast_dispatched',
  ),
  /** A client reads too slowly: its connection was closed, or a frame for the client was dropped. */
  slowConsumer: typedChannel<OfSocket<{ action: 'closed' | 'dropped' }>>('phoenix.slow_consumer'),
  /** A frame of a client could not be decoded; the connection of the client is closed. */
  frameRefused: typedChannel<OfSocket<{ error: unknown }>>('phoenix.frame_refused'),
  /** A binary frame was dropped, because long-poll clients cannot receive binary frames. */
  frameDropped: typedChannel<OfSocket<{ frame: Frame }>>('phoenix.frame_dropped'),
  /** A callback of the application threw. The errors of `channelCrashed` are published here too. */
  callbackFailed: typedChannel<Of<{ error: Error }>>('phoenix.callback_failed'),
  /** A client reached a limit; `limit` is the name of the option. */
  limitReached: typedChannel<Of<{ limit: string }>>('phoenix.limit_reached'),
  /** The engine is connected, for the first time or again. */
  engineUp: typedChannel<Of<{ engine: object }>>('phoenix.engine_up'),
  /** The connection to the engine was lost. */
  engineDown: typedChannel<Of<{ engine: object }>>('phoenix.engine_down'),
  /** This node may have missed broadcasts of other nodes on a topic. */
  gap: typedChannel<Of<{ topic: string }>>('phoenix.gap'),
  /**
   * A client that asked for recovery has joined. `recovered` is true if the client had a cursor (its last position in
   * the history) and gets all broadcasts after the cursor. `missed` is the number of broadcasts in the history that the
   * client still has to get.
   */
  historyJoined:
    typedChannel<
      OfSocket<{ topic: string; pattern: string; hadCursor: boolean; recovered: boolean; missed: number }>
    >('phoenix.history_joined'),
  /** The server has sent the next `count` missed broadcasts to a client. */
  historyReplayed: typedChannel<OfSocket<{ topic: string; count: number }>>('phoenix.history_replayed'),
  /**
   * Event of a topic's history. `filled`: this node has read `count` missed broadcasts from the history's store and has
   * delivered them. `read`: this node has read `count` broadcasts from the store. `epoch`: the sequence numbers of the
   * topic's broadcasts start again. `refused`: the store has refused a broadcast, or has not answered in time.
   */
  historyChanged:
    typedChannel<Of<{ kind: 'filled' | 'read' | 'epoch' | 'refused'; topic: string; count: number }>>(
      'phoenix.history_changed',
    ),
  /** A supervisor has restarted a child; `restarts` is the number of restarts of this child so far. */
  workerRestarted: typedChannel<{ supervisor: object; id: string; name: string; restarts: number }>(
    'phoenix.worker_restarted',
  ),
})

function typedChannel<M>(name: string): TelemetryChannel<M> {
  // The cast is safe: only this framework publishes on the channel, and only messages of the type `M`.
  return new GuardedChannel(channel(name) as TelemetryChannel<M>)
}
