import {
  type Broadcast,
  type Frame,
  PRESENCE_COUNT,
  PRESENCE_DIFF,
  PRESENCE_STATE,
  SEQ,
} from '../../protocol/index.ts'
import { encodePayload } from '../../protocol/json.ts'
import { bytesOf } from '../../protocol/payload.ts'
import { frameOf, numberedFrameOf } from '../pubsub/fastlane.ts'
import type { Position, Recovery } from '../pubsub/history.ts'
import type { TopicHistory } from '../pubsub/topic-history.ts'
import { isPromise } from '../runtime/promise.ts'
import type { ChannelHost } from './channel-host.ts'
import type { ChannelDefinition } from './define-channel.ts'
import { observeRecovery, observeReplay } from './instrumentation.ts'
import type { RecoveryParams } from './recovery.ts'

// Problem: a client that rejoins must get each missed broadcast exactly once and in order, while new broadcasts arrive.
//
// Approach: each kept broadcast (one that the topic's history stores) has a place: its number in the topic's log. A
// channel on a topic with a history is in one of three states until it is OVER. WAITING: its join is not answered.
// BEHIND: it reads missed broadcasts from the history, a portion at a time, up to the end of the log. LIVE: it forwards
// delivered broadcasts. While a channel is BEHIND, it records only the place of each kept broadcast that is delivered,
// because it will read this broadcast from the log. It holds back delivered broadcasts that are not kept. A client
// learns its place from frames that contain the place, or from a mark, a push of the place alone (RECOVERY-9).
//
// Invariant: broadcasts are sent in the order of their places. If a broadcast waits in the channel's mailbox, because
// `handleOut` intercepts its event, all later broadcasts wait there too (RECOVERY-8).

const WAITING = 0
const BEHIND = 1
const LIVE = 2
/** State in which the client must rejoin or has left. No more kept broadcasts are sent. */
const OVER = 3

/** Maximum number of broadcasts sent in one event-loop turn. */
const PORTION = 64
/** Number of unsent bytes above which a portion ends early. */
const MAX_BUFFERED_BYTES = 65_536
/** Milliseconds until the unsent bytes of a slow client are checked again. */
const LOOK_AGAIN_MS = 20
/**
 * Maximum number of broadcasts by which the place that a client knows lags behind the latest place sent to the client.
 * At the maximum, the client gets a mark. For a small history, the maximum is a quarter of its size.
 */
const MAX_UNTOLD = 64
/** Events that only the server itself pushes. `handleOut` never pushes them. */
const OWN_EVENTS: readonly string[] = [PRESENCE_STATE, PRESENCE_DIFF, PRESENCE_COUNT]

/** Interface of a channel for its `CatchUp`. */
export interface HistoryReader {
  readonly connection: ChannelHost
  readonly definition: ChannelDefinition
  readonly topic: string
  /** Whether `handleOut` intercepts the event. */
  intercepts(event: string): boolean
  /** Queue a broadcast in the mailbox. When it has been handled, the channel calls `CatchUp.handled`. */
  queue(broadcast: Broadcast): void
  /** Push immediately. */
  pushNow(event: string, payload: object, mustArrive: boolean): void
  /** Called when missed broadcasts are no longer in the history: the client must rejoin. */
  lost(): void
  /** Called on an unexpected error. */
  replayFailed(cause: unknown): void
  /** Called when a client that did not ask for recovery has the latest broadcasts. */
  caughtUp(): void
}

/**
 * Sends broadcasts of a topic's history to one channel. Stores the place of the latest broadcast that was sent, and the
 * latest place that the client knows.
 */
export class CatchUp {
  /** Sender id of the client (RECOVERY-7); null if the client did not ask for recovery. */
  readonly id: string | null
  readonly #reader: HistoryReader
  readonly #history: TopicHistory
  readonly #asked: RecoveryParams | null
  readonly #maxUntold: number
  #state: number
  #noted: Position | null
  #recovery: Recovery | null
  /** Place up to which all broadcasts have been sent or wait in the mailbox. */
  #seq: number
  /** Latest place that the client knows. */
  #told: number
  /** Latest place that was delivered to this channel. */
  #delivered: number
  /**
   * Held-back broadcasts, which are not kept. Each is sent after the broadcast with the place `after`. Empty when LIVE.
   */
  #held: { readonly after: number; readonly broadcast: Broadcast }[]
  /** Number of broadcasts in the mailbox, including the one that is being handled. */
  #queued: number
  /** Milliseconds to wait before the next portion, as the rate limit demands. */
  #waitMs: number
  /** Broadcast that `handleOut` is handling. */
  #current: Broadcast | null
  /** Latest push of `handleOut`, held back until the next push or the end of the callback. */
  #push: { readonly event: string; readonly json: string } | null

  /** @param asked null for a client that gets the latest broadcasts without asking for recovery (RECOVERY-18). */
  constructor(reader: HistoryReader, history: TopicHistory, asked: RecoveryParams | null) {
    this.id = asked?.id ?? null
    this.#reader = reader
    this.#history = history
    this.#asked = asked
    this.#maxUntold = Math.min(MAX_UNTOLD, Math.max(1, Math.floor(history.settings.size / 4)))
    this.#state = WAITING
    this.#noted = null
    this.#recovery = null
    this.#seq = 0
    this.#told = 0
    this.#delivered = 0
    this.#held = []
    this.#queued = 0
    this.#waitMs = 0
    this.#current = null
    this.#push = null
  }

  /**
   * Store the head (the latest place) of the log if the client has no cursor (RECOVERY-6). Called before the join
   * callback runs.
   */
  note(): void | Promise<void> {
    if (this.#asked === null || this.#asked.since !== null) return
    const head = this.#history.head()
    if (isPromise(head)) return this.#noteLater(head)
    this.#noted = head
  }

  /**
   * Find the place at which the client continues. Then call `decided` with the recovery, or with null if the history
   * cannot be read.
   */
  recover(decided: (recovery: Recovery | null) => void): void {
    const { since = null, last = this.#history.settings.onJoin } = this.#asked ?? {}
    this.#history.recover({ since, last, noted: this.#noted }, (recovery) => {
      this.#recovery = recovery
      if (recovery !== null) {
        this.#seq = recovery.seq
        this.#told = recovery.seq
        this.#delivered = Math.max(this.#delivered, recovery.head)
        this.#held = this.#held.map((held) => (held.after === 0 ? { ...held, after: recovery.head } : held))
      }
      if (recovery !== null && this.#asked !== null) observeRecovery(this.#reader, recovery, since !== null)
      decided(recovery)
    })
  }

  /** Start sending missed broadcasts. Called when the join's reply is written. */
  start(): void {
    if (this.#state !== WAITING) return
    this.#state = BEHIND
    for (const kept of this.#recovery?.earlier ?? []) this.#pass(this.#history.broadcastOf(kept))
    this.#tryStep()
  }

  /** Stop sending kept broadcasts (RECOVERY-11). */
  stop(): void {
    this.#state = OVER
    this.#push = null
    this.#reader.connection.dequeuedBroadcasts(this.#held.length)
    this.#held = []
  }

  /** Process a delivered broadcast: send it, queue it in the mailbox, or hold it. */
  receive(broadcast: Broadcast): void {
    const { seq } = broadcast
    if (seq === 0) return this.#receiveUnkept(broadcast)
    if (this.#state === LIVE) {
      if (seq > this.#seq) this.#pass(broadcast)
    } else this.#delivered = seq
  }

  /** Called before `handleOut` handles a broadcast. */
  handling(broadcast: Broadcast): void {
    this.#current = broadcast
  }

  /** Called when a queued broadcast has been handled. If `isEnd` is true, the channel ends after this broadcast. */
  handled(broadcast: Broadcast, isEnd: boolean): void {
    this.#current = null
    this.#queued -= 1
    this.#releasePush(broadcast.seq)
    if (broadcast.seq - this.#told >= (isEnd ? 1 : this.#maxUntold)) this.#mark(broadcast.seq)
    if (this.#queued > 0) return
    this.#markIfNeeded()
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
    // After the end, drop kept broadcasts, because an earlier kept broadcast may be missing.
    if (this.#state === OVER && seq > 0) return
    const { serializer, transport } = this.#reader.connection
    const isNumbered = this.id !== null && seq > 0
    const frame: Frame | null = isNumbered
      ? numberedFrameOf(broadcast, serializer)
      : frameOf(broadcast, serializer)
    if (frame === null) return
    transport.send(frame)
    if (isNumbered) this.#told = seq
  }

  /**
   * Hold back a push of `handleOut`, because only the last push of a callback contains the place. Returns false if the
   * push is not held back; the caller must then send it.
   */
  holdBack(event: string, payload: unknown): boolean {
    if (this.id === null || this.#current === null || this.#current.seq === 0 || OWN_EVENTS.includes(event))
      return false
    // Drop the push, because the client gets it again after its rejoin. Sent now without a place, the push would be a
    // duplicate that the client cannot recognize.
    if (this.#state === OVER) return true
    this.#releasePush(0)
    // A binary payload cannot contain a place. The caller sends it now, and a mark follows.
    if (bytesOf(payload) !== null) return false
    this.#push = { event, json: encodePayload(payload) }
    return true
  }

  async #noteLater(head: Promise<Position | null>): Promise<void> {
    this.#noted = await head
  }

  #receiveUnkept(broadcast: Broadcast): void {
    if (this.id !== null && broadcast.from === this.id) return
    if (this.#state === LIVE || this.#state === OVER) return this.#hand(broadcast)
    this.#held.push({ after: this.#delivered, broadcast })
    this.#reader.connection.queuedBroadcast()
  }

  #tryStep(): void {
    try {
      this.#step()
    } catch (cause) {
      this.#reader.replayFailed(cause)
    }
  }

  /** Send the next portion of missed broadcasts, or go live if there are none. */
  #step(): void {
    if (this.#state !== BEHIND || this.#queued > 0 || this.#recovery === null) return
    const { connection } = this.#reader
    // The client has not read the last portion yet.
    if (connection.transport.bufferedAmount > MAX_BUFFERED_BYTES) return this.#stepLater(0)
    const { epoch } = this.#recovery
    const missed = this.#history.replay({ epoch, seq: this.#seq }, PORTION)
    if (missed === null) return this.#reader.lost()
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
    // If broadcasts are queued, `handled` makes the next step after the last of them.
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
    if (this.id === null && this.#state === LIVE && this.#queued === 0) this.#reader.caughtUp()
  }

  /** Send the held-back broadcasts that come before the broadcast with this place. */
  #release(seq: number): void {
    while ((this.#held[0]?.after ?? seq) < seq) {
      const held = this.#held.shift()
      if (held === undefined) return
      this.#reader.connection.dequeuedBroadcasts(1)
      this.#hand(held.broadcast)
    }
  }

  /** Send the next broadcast. If `broadcastFrom` excludes this client, send only a mark, if one is due. */
  #pass(broadcast: Broadcast): void {
    if (broadcast.seq > 0) this.#seq = broadcast.seq
    if (this.id === null || broadcast.from !== this.id) return this.#hand(broadcast)
    if (this.#queued === 0) this.#markIfNeeded()
  }

  #hand(broadcast: Broadcast): void {
    if (this.#queued === 0 && !this.#reader.intercepts(broadcast.event)) return this.send(broadcast)
    this.#queued += 1
    this.#reader.queue(broadcast)
  }

  /**
   * Send the held-back push. `seq` is the broadcast's place for the last push of a callback, and 0 for any other push.
   */
  #releasePush(seq: number): void {
    const push = this.#push
    if (push === null) return
    this.#push = null
    const payload: Record<string, unknown> = JSON.parse(push.json)
    if (seq > 0) {
      delete payload[SEQ]
      payload[SEQ] = seq
      this.#told = seq
    }
    this.#reader.pushNow(push.event, payload, true)
  }

  #markIfNeeded(): void {
    if (this.id !== null && this.#seq - this.#told >= this.#maxUntold) this.#mark(this.#seq)
  }

  #mark(seq: number): void {
    if (this.id === null || this.#state === WAITING || this.#state === OVER) return
    this.#told = seq
    this.#reader.pushNow(SEQ, { [SEQ]: seq }, true)
  }
}
