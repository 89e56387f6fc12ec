import { type Broadcast, type Frame, SEQ } from '../../protocol/index.ts'
import { encodePayload } from '../../protocol/json.ts'
import { bytesOf } from '../../protocol/payload.ts'
import { frameOf, numberedFrameOf } from '../pubsub/fastlane.ts'
import type { Kept, Position, Recovery } from '../pubsub/history.ts'
import type { TopicHistory } from '../pubsub/topic-history.ts'
import { isPromise } from '../runtime/promise.ts'
import type { ChannelHost } from './channel-host.ts'
import { type ChannelDefinition, PRESENCE_EVENTS } from './define-channel.ts'
import { observeRecovery, observeReplay } from './instrumentation.ts'
import type { RecoveryParams } from './recovery.ts'

// Problem: a client that rejoins must get each missed broadcast exactly once and in order, while new broadcasts arrive.
//
// Approach: the topic's history writes broadcasts to a log, and gives each of them a sequence number (`seq`). Some
// broadcasts are not written to the log and have no `seq` (RECOVERY-14). A `CatchUp` has one of four states:
// - WAITING: the join is not answered yet.
// - BEHIND: the channel sends missed broadcasts from the log. A new broadcast with a `seq` is already in the log, so
//   only the `seq` is recorded. A new broadcast without a `seq` is put into `#held`. So are all new broadcasts for a
//   client that did not ask for recovery, because it is not told if the log has dropped some of them.
// - LIVE: the channel sends each new broadcast immediately.
// - STOPPED: the channel drops broadcasts that have a `seq`.
//
// The client remembers the latest `seq` as its cursor. The frame of a broadcast contains the `seq`. If many broadcasts
// in a row are not for this client, the channel pushes the latest `seq` alone, as the event `_seq` (RECOVERY-9).
//
// Invariant: broadcasts are sent in the order of their sequence numbers. If a broadcast waits in the channel's mailbox,
// because `handleOut` intercepts its event, all later broadcasts wait in the mailbox too (RECOVERY-8).

const WAITING = 0
const BEHIND = 1
const LIVE = 2
/** State of a channel that has ended or whose client must rejoin. */
const STOPPED = 3

/** Maximum number of missed broadcasts that a channel sends in one event-loop turn. */
const MAX_PER_TURN = 64
/** Number of unsent bytes above which a channel waits before it sends more missed broadcasts. */
const MAX_BUFFERED_BYTES = 65_536
/** Milliseconds until the unsent bytes of a slow client are checked again. */
const LOOK_AGAIN_MS = 20
/**
 * If a client's cursor lags by this number of broadcasts, the channel pushes `_seq`. If the history's size is less than
 * 256, a quarter of the size is used instead.
 */
const MAX_LAG = 64
/**
 * Broadcast that waits until the missed broadcasts up to the sequence number `after` have been sent. `after` is null
 * while it is not known after which broadcast of the log this broadcast was sent.
 */
type Held = { readonly after: number | null; readonly broadcast: Broadcast }

/** Interface through which a `CatchUp` uses its channel. */
export interface HistoryReader {
  readonly connection: ChannelHost
  readonly definition: ChannelDefinition
  readonly topic: string
  /** Whether `handleOut` intercepts the event. */
  intercepts(event: string): boolean
  /** Queue a broadcast in the mailbox. When it has been handled, the channel calls `CatchUp.handled`. */
  accept(broadcast: Broadcast): void
  /** Push immediately. If the client reads too slowly and `mustArrive` is true, the connection is closed. */
  pushNow(event: string, payload: object, mustArrive: boolean): void
  /** Called when missed broadcasts are no longer in the history: the client must rejoin. */
  lost(): void
  /** Called when missed broadcasts cannot be sent because of an unexpected error. */
  replayFailed(cause: unknown): void
  /**
   * Receive broadcasts without the history from now on. Called for a client that did not ask for recovery, as soon as
   * the latest broadcasts have been sent.
   */
  leaveHistory(): void
}

/**
 * Sends the broadcasts of a topic's history to the client of one channel, with the sequence numbers that the client
 * needs for its cursor.
 */
export class CatchUp {
  /** Sender id of the client (RECOVERY-7); null if the client did not ask for recovery. */
  readonly id: string | null
  readonly #reader: HistoryReader
  readonly #history: TopicHistory
  readonly #asked: RecoveryParams | null
  readonly #maxLag: number
  #state: number
  #noted: Position | null
  /** Epoch of the log from which missed broadcasts are read; null until `recover` has succeeded. */
  #epoch: string | null
  /** Broadcasts of earlier epochs, sent by `start`. */
  #earlier: readonly Kept[]
  /** Sequence number of the latest broadcast that was sent, queued in the mailbox, or skipped as the client's own. */
  #seq: number
  /** Latest sequence number in the frames that were sent to the client. */
  #sentSeq: number
  /** Latest sequence number that the channel got while WAITING or BEHIND: from a broadcast or as `recovery.head`. */
  #delivered: number
  #held: Held[]
  /** Number of broadcasts in the mailbox, including the broadcast that is being handled. */
  #queued: number
  /** True while `#step` runs. `handled`, which a synchronous `handleOut` leads to, must not schedule a step then. */
  #isStepping: boolean
  /** True when the join's reply is written. */
  #hasStarted: boolean
  /** Milliseconds to wait before more missed broadcasts are sent, so that the rate limit is not exceeded. */
  #waitMs: number
  /** Broadcast that `handleOut` is handling. */
  #current: Broadcast | null
  /** Latest push of the running `handleOut`. Held back until the next push or the end of `handleOut`. */
  #push: { readonly event: string; readonly json: string } | null

  /** @param asked the client's recovery params; null if the client did not ask for recovery (RECOVERY-18). */
  constructor(reader: HistoryReader, history: TopicHistory, asked: RecoveryParams | null) {
    this.id = asked?.id ?? null
    this.#reader = reader
    this.#history = history
    this.#asked = asked
    this.#maxLag = Math.min(MAX_LAG, Math.max(1, Math.floor(history.settings.size / 4)))
    this.#state = WAITING
    this.#noted = null
    this.#epoch = null
    this.#earlier = []
    this.#seq = 0
    this.#sentSeq = 0
    this.#delivered = 0
    this.#held = []
    this.#queued = 0
    this.#isStepping = false
    this.#hasStarted = false
    this.#waitMs = 0
    this.#current = null
    this.#push = null
  }

  /**
   * If the client asked for recovery without a cursor, record the latest sequence number of the log. Called before the
   * join callback. Broadcasts during the callback then count as missed (RECOVERY-6).
   */
  note(): void | Promise<void> {
    if (this.#asked === null || this.#asked.since !== null) return
    const head = this.#history.head()
    if (isPromise(head)) return this.#noteLater(head)
    this.#noted = head
  }

  /**
   * Find the sequence number after which the client continues. Then call `decided` with the recovery, or with null if
   * the history cannot be read.
   */
  recover(decided: (recovery: Recovery | null) => void): void {
    const { since = null, last = this.#history.settings.onJoin } = this.#asked ?? {}
    this.#history.recover({ since, last, noted: this.#noted }, (recovery) => {
      if (recovery !== null) {
        this.#continueAfter(recovery)
        if (this.#asked !== null) observeRecovery(this.#reader, recovery, since !== null)
      }
      decided(recovery)
    })
  }

  /** Start sending missed broadcasts. Called when the join's reply is written. */
  start(): void {
    this.#hasStarted = true
    if (this.#state === STOPPED) for (const { broadcast } of this.#takeHeld()) this.#hand(broadcast)
    if (this.#state !== WAITING) return
    this.#state = BEHIND
    const earlier = this.#earlier
    this.#earlier = []
    for (const kept of earlier) this.#pass(this.#history.broadcastOf(kept))
    this.#tryStep()
  }

  /** Send no more broadcasts of the history (RECOVERY-11). Returns the broadcasts that were held back. */
  stop(): readonly Broadcast[] {
    this.#state = STOPPED
    this.#push = null
    return this.#takeHeld().map(({ broadcast }) => broadcast)
  }

  /** Process a delivered broadcast: send, queue or hold back the broadcast, or record only its sequence number. */
  receive(broadcast: Broadcast): void {
    const { seq } = broadcast
    if (seq === 0) return this.#receiveUnkept(broadcast)
    if (this.#state === LIVE) {
      // If the client did not ask for recovery, do not compare: the numbers of a new epoch begin again at 1.
      if (this.id === null || seq > this.#seq) this.#pass(broadcast)
      return
    }
    if (this.#delivered === 0) this.#placeHeld(seq - 1)
    this.#delivered = seq
    // If the history cannot be read, or no longer has this broadcast, this client gets the broadcast without it.
    if (this.#state !== STOPPED && this.id === null) this.#hold(broadcast)
  }

  /** Called before `handleOut` handles a broadcast. */
  handling(broadcast: Broadcast): void {
    this.#current = broadcast
  }

  /** Called when a queued broadcast has been handled. `isLast` is true if the channel is about to end. */
  handled(broadcast: Broadcast, isLast: boolean): void {
    this.#current = null
    this.#queued -= 1
    this.#releasePush(broadcast.seq)
    if (broadcast.seq - this.#sentSeq >= (isLast ? 1 : this.#maxLag)) this.#pushSeq(broadcast.seq)
    if (this.#queued > 0) return
    this.#pushSeqIfNeeded()
    // `#step` itself schedules the next step.
    if (this.#isStepping) return
    if (this.#state === BEHIND) this.#stepLater(this.#waitMs)
    else this.#leaveIfDone()
  }

  /** Called when the last callback of an ended channel is done. */
  settled(): void {
    this.#current = null
  }

  /** Send a broadcast that `handleOut` does not intercept. */
  send(broadcast: Broadcast): void {
    const { seq } = broadcast
    // After `stop`, send no broadcast that has a `seq`, because the client may have missed an earlier broadcast.
    if (this.#state === STOPPED && seq > 0) return
    const { serializer, transport } = this.#reader.connection
    const isNumbered = this.id !== null && seq > 0
    const frame: Frame | null = isNumbered
      ? numberedFrameOf(broadcast, serializer)
      : frameOf(broadcast, serializer)
    if (frame === null) return
    transport.send(frame)
    if (isNumbered) this.#sentSeq = seq
  }

  /**
   * Hold back a push of `handleOut` until the next push or the end of `handleOut`. The last push for a broadcast
   * contains the `seq` of the broadcast (RECOVERY-8). Returns false if the caller must send the push now.
   */
  holdBack(event: string, payload: unknown): boolean {
    if (
      this.id === null ||
      this.#current === null ||
      this.#current.seq === 0 ||
      PRESENCE_EVENTS.includes(event)
    )
      return false
    // Drop the push. The client gets it after the rejoin, so sending it now would deliver it twice.
    if (this.#state === STOPPED) return true
    this.#releasePush(0)
    // A binary payload cannot contain a sequence number, so the push need not be held back.
    if (bytesOf(payload) !== null) return false
    this.#push = { event, json: encodePayload(payload) }
    return true
  }

  async #noteLater(head: Promise<Position | null>): Promise<void> {
    this.#noted = await head
  }

  #receiveUnkept(broadcast: Broadcast): void {
    if (this.id !== null && broadcast.from === this.id) return
    if (this.#state === LIVE || (this.#state === STOPPED && this.#hasStarted)) return this.#hand(broadcast)
    this.#hold(broadcast)
  }

  #hold(broadcast: Broadcast): void {
    const after = broadcast.seq > 0 ? broadcast.seq - 1 : this.#delivered
    this.#held.push({ after: this.#epoch === null && this.#delivered === 0 ? null : after, broadcast })
    this.#reader.connection.queuedBroadcast()
  }

  /** Set the position of the held broadcasts whose position was unknown. */
  #placeHeld(after: number): void {
    this.#held = this.#held.map((held) => (held.after === null ? { ...held, after } : held))
  }

  #takeHeld(): readonly Held[] {
    const held = this.#held
    this.#held = []
    this.#reader.connection.dequeuedBroadcasts(held.length)
    return held
  }

  #continueAfter({ epoch, seq, head, earlier }: Recovery): void {
    this.#epoch = epoch
    this.#earlier = earlier
    this.#seq = seq
    this.#sentSeq = seq
    this.#delivered = Math.max(this.#delivered, head)
    this.#placeHeld(head)
    // A held broadcast with a `seq` is in the log.
    const unkept = this.#held.filter(({ broadcast }) => broadcast.seq === 0)
    this.#reader.connection.dequeuedBroadcasts(this.#held.length - unkept.length)
    this.#held = unkept
  }

  #tryStep(): void {
    this.#isStepping = true
    try {
      this.#step()
    } catch (cause) {
      this.#reader.replayFailed(cause)
    } finally {
      this.#isStepping = false
    }
  }

  /** Send the next missed broadcasts, at most `MAX_PER_TURN`. If there are none, switch to LIVE. */
  #step(): void {
    if (this.#state !== BEHIND || this.#queued > 0 || this.#epoch === null) return
    const { connection } = this.#reader
    // Wait, because the client has not read the last broadcasts yet.
    if (connection.transport.bufferedAmount > MAX_BUFFERED_BYTES) return this.#stepLater(0)
    const epoch = this.#epoch
    const missed = this.#history.replay({ epoch, seq: this.#seq }, MAX_PER_TURN)
    if (missed === null) return this.id === null ? this.#goLive() : this.#reader.lost()
    if (isPromise(missed)) return connection.settle(this.#stepAfter(missed))
    if (missed.length === 0) return this.#goLive()
    let bytes = 0
    let count = 0
    for (const kept of missed) {
      this.#release(kept.seq)
      this.#pass(this.#history.broadcastOf(kept))
      bytes += kept.json.length
      count += 1
      if (connection.transport.bufferedAmount > MAX_BUFFERED_BYTES) break
    }
    observeReplay(this.#reader, count)
    this.#waitMs = connection.chargeReplay(bytes)
    // If broadcasts wait in the mailbox, `handled` schedules the next step after the last of them.
    if (this.#queued === 0) this.#stepLater(this.#waitMs)
  }

  async #stepAfter(read: Promise<void>): Promise<void> {
    await read
    this.#tryStep()
  }

  #stepLater(waitMs: number): void {
    const isSlow = this.#reader.connection.transport.bufferedAmount > MAX_BUFFERED_BYTES
    const delay = isSlow ? Math.max(waitMs, LOOK_AGAIN_MS) : waitMs
    if (delay === 0) setImmediate(() => this.#tryStep())
    else setTimeout(() => this.#tryStep(), delay).unref()
  }

  #goLive(): void {
    this.#state = LIVE
    this.#release(Number.POSITIVE_INFINITY)
    this.#leaveIfDone()
  }

  /** Detach the channel from the history if its client did not ask for recovery and has the latest broadcasts. */
  #leaveIfDone(): void {
    if (this.id === null && this.#state === LIVE && this.#queued === 0) this.#reader.leaveHistory()
  }

  /**
   * Send the held broadcasts that belong before the sequence number `seq`; with `Infinity`, all of them. If `seq` is
   * finite, skip held broadcasts with a `seq` of their own: they are in the log, and were sent from there.
   */
  #release(seq: number): void {
    while ((this.#held[0]?.after ?? seq) < seq) {
      const held = this.#held.shift()
      if (held === undefined) return
      this.#reader.connection.dequeuedBroadcasts(1)
      if (held.broadcast.seq === 0 || seq === Number.POSITIVE_INFINITY) this.#hand(held.broadcast)
    }
  }

  /** Send or queue the next broadcast, unless the broadcast is this client's own (`broadcastFrom`). */
  #pass(broadcast: Broadcast): void {
    if (broadcast.seq > 0) this.#seq = broadcast.seq
    if (this.id === null || broadcast.from !== this.id) return this.#hand(broadcast)
    if (this.#queued === 0) this.#pushSeqIfNeeded()
  }

  #hand(broadcast: Broadcast): void {
    if (this.#queued === 0 && !this.#reader.intercepts(broadcast.event)) return this.send(broadcast)
    this.#queued += 1
    this.#reader.accept(broadcast)
  }

  /** Send the held-back push of `handleOut`, if there is one. `seq` is added to its payload; 0 adds nothing. */
  #releasePush(seq: number): void {
    const push = this.#push
    if (push === null) return
    this.#push = null
    const payload: Record<string, unknown> = JSON.parse(push.json)
    if (seq > 0) {
      delete payload[SEQ]
      payload[SEQ] = seq
      this.#sentSeq = seq
    }
    this.#reader.pushNow(push.event, payload, true)
  }

  #pushSeqIfNeeded(): void {
    if (this.id !== null && this.#seq - this.#sentSeq >= this.#maxLag) this.#pushSeq(this.#seq)
  }

  #pushSeq(seq: number): void {
    if (this.id === null || this.#state === WAITING || this.#state === STOPPED) return
    this.#sentSeq = seq
    this.#reader.pushNow(SEQ, { [SEQ]: seq }, true)
  }
}
