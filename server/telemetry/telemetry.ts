import { channel } from 'node:diagnostics_channel'
import { callback, checkOption } from '../../protocol/check.ts'
import type { Broadcast, Frame } from '../../protocol/index.ts'
import { wordsOf } from '../errors.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import type { LogLevel } from './log-level.ts'

/** A connection, as far as listeners can count on it. */
export type TelemetrySocket = {
  readonly id: string | null
  readonly transport: { readonly name: string; readonly bufferedAmount: number }
  /** Values whose key contains one of these words are secrets: `filterParameters` of the mount or the plugin. */
  readonly filterParameters: readonly string[]
}

/** Runs a callback of the application in a context of a listener's choice, and gives what it returns. */
export type Within = <T>(callback: () => T) => T

/** What every message says: the running system that it is from. */
type Of<M> = { readonly endpoint: object } & M
type OfSocket<M> = Of<{ readonly socket: TelemetrySocket } & M>

/** One call of the application, told before and after; what is not known before is null or 0 then. */
type Operation<M> = Of<M> & {
  /** A listener that is told before may set it: the callback runs in it. */
  within: Within | null
  /** How loud the log is to tell of it; false = not at all. */
  readonly log: LogLevel | false
  /** `ok`, `error` for a refusal, `crash` for a throw; of a message also another status, `none` or `stop`. */
  readonly result: string | null
  /** Why it was refused: the word that the client was told, if it was told one. */
  readonly reason: unknown
  /** What was thrown. */
  readonly error: unknown
  /** Milliseconds until the callback was done. */
  readonly duration: number
}

/** A client asks to connect. */
export type ConnectOperation = Operation<{
  /** Of the mount. */
  readonly path: string
  readonly transport: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly params: Readonly<Record<string, unknown>>
  /** Values whose key contains one of these words are secrets: `filterParameters` of the mount or the plugin. */
  readonly filterParameters: readonly string[]
  /** Which step refused it: `vsn`, `params`, `connect`, `id` or `crash`. */
  readonly refused: string | null
  readonly vsn: string | null
  /** The socket's id, null also when it has none. */
  readonly id: string | null
  /** Stands for the connection until there is a socket, see `socketOpened`. */
  readonly handshake: object | null
}>

/** A client asks to join a topic. */
export type JoinOperation = Operation<{
  readonly socket: TelemetrySocket
  readonly topic: string
  /** Of the channel that takes the topic; null if none does. */
  readonly pattern: string | null
  readonly params: unknown
  /** What is wrong with params that do not fit their schema, as the client is told; else null. */
  readonly errors: unknown
}>

/** A client's message reaches its channel. */
export type HandleInOperation = Operation<{
  readonly socket: TelemetrySocket
  readonly topic: string
  readonly pattern: string
  /** Null if the channel has no such event. */
  readonly event: string | null
  /** The event as the client sent it: any value, of any length. */
  readonly givenEvent: unknown
  readonly ref: unknown
  readonly payload: unknown
  /** What is wrong with a payload that does not fit its schema, as the client is told; else null. */
  readonly errors: unknown
  /** Bytes of its frame. */
  readonly size: number
}>

/** A diagnostics channel whose messages have a type. */
export interface TelemetryChannel<M> {
  readonly name: string | symbol
  readonly hasSubscribers: boolean
  publish(message: M): void
  subscribe(listener: (message: M) => void): void
  unsubscribe(listener: (message: M) => void): void
}

/** Node would end the process for a listener that throws: here it costs a warning, once for each listener. */
class GuardedChannel<M> implements TelemetryChannel<M> {
  readonly #channel: TelemetryChannel<M>
  /** What stands for each listener at Node's channel. */
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

  /** @throws UsageError with `PHX_ERR_OPTION` when the listener is no function. */
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
    process.emitWarning(`a listener of ${name} failed: ${wordsOf(cause)}`, 'PhoenixWarning')
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
 * What the framework tells whoever listens, in the style of Phoenix's telemetry names (TELEMETRY-1).
 * Nothing is computed for a channel that has no subscriber; `docs/telemetry.md` explains them one by one.
 */
export const telemetry = Object.freeze({
  /** A client asks to connect. */
  socketConnecting: typed<ConnectOperation>('phoenix.socket_connecting'),
  /** It was let in or refused: the same object, complete. */
  socketConnected: typed<ConnectOperation>('phoenix.socket_connected'),
  /** The connection is open; `handshake` is that of `socketConnected`. */
  socketOpened: typed<OfSocket<{ readonly handshake: object }>>('phoenix.socket_opened'),
  /** A client was refused, at whichever step. */
  socketRefused: typed<Of<{ path: string; transport: string; refused: string }>>('phoenix.socket_refused'),
  /** A connection has ended; the code is null where the transport has none. */
  socketClosed:
    typed<OfSocket<{ code: number | null; by: 'client' | 'server'; reason: string }>>(
      'phoenix.socket_closed',
    ),
  /** The server stops and closes the next `count` connections of `total`. */
  socketDrain:
    typed<Of<{ count: number; total: number; index: number; rounds: number }>>('phoenix.socket_drain'),
  /** A client asks to join. */
  channelJoining: typed<JoinOperation>('phoenix.channel_joining'),
  /** Its join is decided: the same object, complete. */
  channelJoined: typed<JoinOperation>('phoenix.channel_joined'),
  /** A message of a client reaches its channel. */
  channelHandlingIn: typed<HandleInOperation>('phoenix.channel_handling_in'),
  /** It is handled: the same object, complete. */
  channelHandledIn: typed<HandleInOperation>('phoenix.channel_handled_in'),
  /**
   * A callback of a channel threw `error`, or stopped the channel for a `reason` that is not an announced
   * one; the other is null. The channel ends, unless the callback was `terminate`.
   */
  channelCrashed:
    typed<OfSocket<{ topic: string; pattern: string; callback: string; error: unknown; reason: unknown }>>(
      'phoenix.channel_crashed',
    ),
  /** A reply or push was sent to one client; the pattern is null if no channel takes the topic. */
  messageSent:
    typed<OfSocket<{ topic: unknown; pattern: string | null; size: number }>>('phoenix.message_sent'),
  /** A broadcast was given to its topic's subscribers on this node. */
  broadcastDispatched: typed<Of<{ broadcast: Broadcast; subscribers: ReadonlySet<object> }>>(
    'phoenix.broadcast_dispatched',
  ),
  /** A client reads too slowly: it was closed, or a frame for it was dropped. */
  slowConsumer: typed<OfSocket<{ action: 'closed' | 'dropped' }>>('phoenix.slow_consumer'),
  /** A frame could not be decoded, its connection is closed. */
  frameRefused: typed<OfSocket<{ error: unknown }>>('phoenix.frame_refused'),
  /** Bytes for a long-poll client, which cannot take them, were not sent. */
  frameDropped: typed<OfSocket<{ frame: Frame }>>('phoenix.frame_dropped'),
  /** A callback of the application threw. */
  callbackFailed: typed<Of<{ error: Error }>>('phoenix.callback_failed'),
  /** A client met a limit, by the name of its option. */
  limitReached: typed<Of<{ limit: string }>>('phoenix.limit_reached'),
  /** The engine is reached, for the first time or again. */
  engineUp: typed<Of<{ engine: object }>>('phoenix.engine_up'),
  /** The engine was lost. */
  engineDown: typed<Of<{ engine: object }>>('phoenix.engine_down'),
  /** Broadcasts of other nodes on a topic may have been missed. */
  gap: typed<Of<{ topic: string }>>('phoenix.gap'),
  /**
   * A client that asked for recovery has joined. `recovered` tells whether it gets everything above its cursor, which
   * `missed` broadcasts are; a newcomer, without a cursor, does not count as recovered.
   */
  historyJoined:
    typed<
      OfSocket<{ topic: string; pattern: string; hadCursor: boolean; recovered: boolean; missed: number }>
    >('phoenix.history_joined'),
  /** A portion of the broadcasts that a client had missed was sent to it. */
  historyReplayed: typed<OfSocket<{ topic: string; count: number }>>('phoenix.history_replayed'),
  /**
   * Something happened to a topic's history: `filled`, `count` broadcasts were missing on this node and have been read;
   * `read`, the engine was read; `epoch`, its places have begun anew; `refused`, a broadcast is not kept, or not known
   * to be.
   */
  historyChanged:
    typed<Of<{ kind: 'filled' | 'read' | 'epoch' | 'refused'; topic: string; count: number }>>(
      'phoenix.history_changed',
    ),
  /** A supervisor has started a child again, for the so manieth time. */
  workerRestarted: typed<{ supervisor: object; id: string; name: string; restarts: number }>(
    'phoenix.worker_restarted',
  ),
})

function typed<M>(name: string): TelemetryChannel<M> {
  // Whoever publishes to it in here is held to the type; nobody else publishes under these names.
  return new GuardedChannel(channel(name) as TelemetryChannel<M>)
}
