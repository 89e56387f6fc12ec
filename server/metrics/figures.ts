import type { Broadcast } from '../../protocol/index.ts'
import { Channel } from '../channel/channel.ts'
import type { HandleInOperation, JoinOperation } from '../telemetry/telemetry.ts'
import { Buckets } from './buckets.ts'
import { callbackKind, closeCode, joinReasons, messageReason, OTHER } from './labels.ts'
import { Tally } from './tally.ts'

/** Upper bounds of the buckets for handler durations, in seconds. Most handlers take less than a millisecond. */
const HANDLER_BOUNDS = [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
/** Upper bounds of the buckets for the durations of joins and connects, in seconds. */
const JOIN_BOUNDS = [1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const FAN_OUT_BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000]

/** Counters of one topic pattern, added up over all topics that match the pattern. */
export class PatternFigures {
  messagesIn = 0
  bytesIn = 0
  messagesOut = 0
  bytesOut = 0
  joins = 0
  readonly refusedJoins = new Tally('reason')
  readonly refusedMessages = new Tally('event', 'reason')
  readonly crashes = new Tally('callback')
  readonly joinTimes = new Buckets(JOIN_BOUNDS)
  readonly fanOut = new Buckets(FAN_OUT_BOUNDS)
  /** Durations of handlers by event. */
  readonly handlers = new Map<string, Buckets>()
}

/**
 * Counters of one endpoint; only `restarts` counts the workers of the whole process. Frequent events are counted in
 * plain numbers, because looking up labels would be slow.
 */
export class Figures {
  readonly patterns = new Map<string, PatternFigures>()
  readonly connectTimes = new Map<string, Buckets>()
  readonly opened = new Tally('transport')
  readonly refused = new Tally('transport', 'reason')
  readonly closed = new Tally('transport', 'code', 'by')
  readonly slowConsumers = new Tally('transport', 'action')
  readonly refusedFrames = new Tally()
  readonly droppedFrames = new Tally()
  readonly limits = new Tally('limit')
  readonly engineChanges = new Tally('state')
  readonly gaps = new Tally()
  readonly historyJoins = new Tally('pattern', 'outcome')
  historyReplayed = 0
  readonly historyChanges = new Tally('kind')
  readonly restarts = new Tally('worker')
  readonly #joinReasons: ReadonlySet<unknown>

  /** @param reasons the application's own reasons for refused joins. */
  constructor(reasons: readonly string[]) {
    this.#joinReasons = new Set([...joinReasons, ...reasons])
  }

  /** Count a finished handshake. */
  connected(transport: string, durationMs: number): void {
    bucketsOf(this.connectTimes, transport, JOIN_BOUNDS).observe(durationMs / 1_000)
  }

  /** Count the end of a connection. */
  ended(transport: string, code: number | null, by: 'client' | 'server'): void {
    this.closed.add(transport, closeCode(code, by), by)
  }

  /** Count a finished join. */
  joined({ pattern, result, reason, error, duration }: JoinOperation): void {
    const figures = this.#of(pattern ?? OTHER)
    if (result === 'ok') figures.joins += 1
    else if (result === 'crash' || error !== null) figures.refusedJoins.add('join crashed')
    else figures.refusedJoins.add(this.#joinReasons.has(reason) ? String(reason) : OTHER)
    // Skip a duration of 0: it means that the join was refused before its callback ran.
    if (duration > 0) figures.joinTimes.observe(duration / 1_000)
  }

  /** Count a handled message. */
  handledIn(operation: HandleInOperation): void {
    const { pattern, event, size, duration } = operation
    const figures = this.#of(pattern)
    if (operation.result === 'error') {
      figures.refusedMessages.add(event ?? OTHER, messageReason(operation.reason))
    }
    figures.messagesIn += 1
    figures.bytesIn += size
    bucketsOf(figures.handlers, event ?? OTHER, HANDLER_BOUNDS).observe(duration / 1_000)
  }

  /** Count a sent reply or push. Frames without a channel, mostly replies to heartbeats, are not counted. */
  sent(pattern: string | null, size: number): void {
    if (pattern === null) return
    const figures = this.#of(pattern)
    figures.messagesOut += 1
    figures.bytesOut += size
  }

  /** Count a crash: a channel's callback threw, or gave a stop reason other than `normal` and `shutdown`. */
  crashed(pattern: string, callback: string): void {
    this.#of(pattern).crashes.add(callbackKind(callback))
  }

  /** Count a broadcast and its recipients. */
  dispatched(broadcast: Broadcast, subscribers: ReadonlySet<object>): void {
    const { event, from, frames } = broadcast
    const sizes = sizesOf(frames)
    let numbered = broadcast.seq > 0 ? null : sizes
    let fanOut = 0
    let figures: PatternFigures | null = null
    for (const subscriber of subscribers) {
      if (!(subscriber instanceof Channel) || (from !== null && subscriber.id === from)) continue
      const { definition, connection } = subscriber
      // If sockets route the topic to different patterns, use the pattern of the first channel.
      figures ??= this.#of(definition.contract.topic)
      fanOut += 1
      // A client that asked for recovery gets a longer frame, which also has the sequence number of the broadcast.
      const isRecoverable = subscriber.recoveryId !== null
      if (isRecoverable) numbered ??= sizesOf(broadcast.numbered.frames)
      const size = (isRecoverable ? numbered : sizes)?.[connection.serializer.index] ?? null
      // Skip an intercepted broadcast, because it is counted as a push. Skip a null size, because nothing is sent: the
      // protocol version of the client does not support the payload.
      if (size === null || (definition.handleOut.size > 0 && definition.handleOut.has(event))) continue
      figures.messagesOut += 1
      figures.bytesOut += size
    }
    figures?.fanOut.observe(fanOut)
  }

  #of(pattern: string): PatternFigures {
    let figures = this.patterns.get(pattern)
    if (figures === undefined) {
      figures = new PatternFigures()
      this.patterns.set(pattern, figures)
    }
    return figures
  }
}

function sizesOf(frames: Broadcast['frames']): (number | null)[] {
  return frames.map((frame) => (frame == null ? null : Buffer.byteLength(frame.data)))
}

function bucketsOf(all: Map<string, Buckets>, key: string, bounds: readonly number[]): Buckets {
  let buckets = all.get(key)
  if (buckets === undefined) {
    buckets = new Buckets(bounds)
    all.set(key, buckets)
  }
  return buckets
}
