import { CLOSE_MESSAGE_TOO_BIG, CLOSE_TRY_AGAIN_LATER, type Frame } from '../../protocol/index.ts'
import type { SocketHandler, Transport } from '../channel/transport.ts'
import type { Logger } from '../endpoint/endpoint-options.ts'
import { Deferred } from './deferred.ts'
import { publishDroppedFrame, publishSlowConsumer } from './instrumentation.ts'
import type { ClientFrame } from './longpoll-frames.ts'
import { LongPollQueue, NO_MESSAGES, type PollBatch } from './longpoll-queue.ts'
import type { Flushable, Outbox } from './outbox.ts'

/** Limits of one long-poll session. */
export type LongPollLimits = {
  /** Maximum time, in milliseconds, that a poll waits for messages, or a POST waits while the session is paused. */
  readonly windowMs: number
  /** Maximum size of a frame in a POST, in bytes. */
  readonly maxFrameSize: number
  /**
   * Maximum number of characters (not bytes) queued for polls. The characters of the largest queued message are not
   * counted (CLOSE-3).
   */
  readonly maxBufferedBytes: number
}

/** Interface through which a session uses its mount. */
export type LongPollHost = {
  readonly limits: LongPollLimits
  readonly outbox: Outbox
  /** All open sessions of the mount, by id. */
  readonly sessions: Map<string, LongPollSession>
  readonly log: Pick<Logger, 'warn'>
}

/** Client's request for messages. */
export type Poll = {
  /** Number of the latest batch that the client is known to have; 0 for none. */
  readonly received: number
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
}

/** Interface through which a request uses its session. The session is on this node or on another node. */
export interface PolledSession {
  /**
   * Wait for messages. Returns an empty batch if no message comes within `windowMs`, null if the session is gone. Of
   * two concurrent polls, the newer poll gets the messages, and the older poll ends immediately (LONGPOLL-5).
   */
  poll(poll: Poll): Promise<PollBatch | null>
  /** Called when the response with this batch has been written to the network. */
  written(batch: PollBatch): void
  /**
   * Deliver a client's frames, in order. Returns true if the session accepts more frames. Returns false if the session
   * stays paused for `windowMs` or ends meanwhile (LONGPOLL-7). Returns null if the session does not exist. `since` is
   * the arrival time of the client's request.
   */
  deliver(frames: readonly ClientFrame[], since: number): Promise<boolean | null>
}

/** Number of windows (`windowMs`) without a poll after which the session is closed. */
const WINDOWS_TO_LIVE = 1.5
/**
 * Maximum time, in milliseconds, that the session waits for the forwarding node to confirm a batch. After this time,
 * the next poll gets the messages of the batch again (LONGPOLL-12).
 */
const LENT_MS = 1_000

/** Transport over a series of requests: frames are queued until the client polls (LONGPOLL-4). */
export class LongPollSession implements PolledSession, Transport, Flushable {
  readonly name = 'longpoll'
  readonly id: string
  readonly #host: LongPollHost
  #handler: SocketHandler | null
  #poll: Deferred<PollBatch> | null
  #polledAt: number
  readonly #queue: LongPollQueue
  /** Whether another node forwarded the current poll. */
  #isForwarded: boolean
  /** Timer that runs while a forwarded batch is not confirmed yet. */
  #lent: NodeJS.Timeout | null
  readonly #held: Set<Deferred<boolean>>
  #isPaused: boolean
  #isClosed: boolean
  #hasWarned: boolean

  constructor(id: string, host: LongPollHost) {
    this.id = id
    this.#host = host
    this.#handler = null
    this.#poll = null
    this.#polledAt = performance.now()
    this.#queue = new LongPollQueue()
    this.#isForwarded = false
    this.#lent = null
    this.#held = new Set()
    this.#isPaused = false
    this.#isClosed = false
    this.#hasWarned = false
    host.sessions.set(id, this)
  }

  get bufferedAmount(): number {
    return this.#queue.size
  }

  /** Start delivering the client's frames to `handler`. */
  attach(handler: SocketHandler): void {
    this.#handler = handler
  }

  /** Wait for messages. A new poll ends the previous poll. */
  poll({ received, signal }: Poll, isForwarded = false): Promise<PollBatch> {
    this.#polledAt = performance.now()
    this.#poll?.settle(NO_MESSAGES)
    const poll = new Deferred(this.#host.limits.windowMs, NO_MESSAGES)
    if (signal.aborted) poll.settle(NO_MESSAGES)
    signal.addEventListener('abort', () => poll.settle(NO_MESSAGES), { once: true })
    this.#poll = poll
    this.#isForwarded = isForwarded
    this.#settle(received, true)
    this.flush()
    return poll.promise
  }

  written({ number }: Pick<PollBatch, 'number'>): void {
    this.#settle(number, true)
  }

  /**
   * Called when the forwarding node could not write this batch, or has not confirmed this batch in time. The next poll
   * gets the messages of the batch again.
   */
  unwritten({ number }: Pick<PollBatch, 'number'>): void {
    this.#settle(number, false)
  }

  async deliver(frames: readonly ClientFrame[], since = performance.now()): Promise<boolean> {
    // If the session is paused, the time that the request has waited for earlier POSTs counts toward `windowMs`.
    const waitsSince = this.#isPaused ? since : performance.now()
    const deadline = waitsSince + this.#host.limits.windowMs
    // Check again after each wait, because another waiting request may have continued first and caused a new pause.
    while (this.#isPaused) if (!(await this.#hold(deadline))) return false
    if (this.#isClosed) return false
    for (const frame of frames) this.#receive(frame)
    while (this.#isPaused) if (!(await this.#hold(deadline))) return false
    return !this.#isClosed
  }

  send(frame: Frame): void {
    if (this.#isClosed) return
    if (frame.opcode === 'binary') return this.#drop(frame)
    const text = typeof frame.data === 'string' ? frame.data : Buffer.from(frame.data).toString()
    if (this.#queue.pileWith(text) > this.#host.limits.maxBufferedBytes) return this.#overflow()
    this.#queue.push(text)
    // All messages of this event-loop turn are sent in one response.
    if (this.#poll !== null && this.#queue.waiting === 1) this.#host.outbox.add(this)
  }

  flush(): void {
    const poll = this.#poll
    if (poll === null || poll.isSettled || this.bufferedAmount === 0 || this.#lent !== null) return
    const batch = this.#queue.take()
    if (this.#isForwarded) this.#lent = setTimeout(() => this.unwritten(batch), LENT_MS)
    poll.settle(batch)
  }

  /**
   * Close the session. Long-poll has no close codes. The client learns from the answer to its next poll that the
   * session is gone.
   */
  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#host.sessions.delete(this.id)
    this.#poll?.settle(NO_MESSAGES)
    if (this.#lent !== null) clearTimeout(this.#lent)
    this.resume()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const held of this.#held) held.settle(true)
  }

  /** Close the session if no poll has come for too long. POSTs do not keep a session alive (LONGPOLL-8). */
  sweep(now: number, late: number): void {
    this.#polledAt = Math.min(now, this.#polledAt + late)
    if (now - this.#polledAt < this.#host.limits.windowMs * WINDOWS_TO_LIVE) return
    this.close()
    this.#handler?.closed('inactive')
  }

  #receive({ data, opcode }: ClientFrame): void {
    if (this.#isClosed) return
    if (data.length <= this.#host.limits.maxFrameSize) return this.#handler?.receive(data, opcode)
    this.close()
    this.#handler?.closed('closed', CLOSE_MESSAGE_TOO_BIG)
  }

  /** Record whether the client has received a batch. Does nothing if a later batch exists. */
  #settle(number: number, isWritten: boolean): void {
    if (!this.#queue.isLatest(number)) return
    if (isWritten) this.#queue.forget()
    if (this.#lent === null) return
    clearTimeout(this.#lent)
    this.#lent = null
    this.flush()
  }

  /** Wait until the session is resumed. Returns false if the deadline passes first. */
  async #hold(deadline: number): Promise<boolean> {
    const held = new Deferred(deadline - performance.now(), false)
    this.#held.add(held)
    const isResumed = await held.promise
    this.#held.delete(held)
    return isResumed
  }

  /**
   * Close the session because its queue exceeds `maxBufferedBytes`, and drop the messages that are in no batch
   * (CLOSE-3).
   */
  #overflow(): void {
    this.#queue.clear()
    this.close()
    publishSlowConsumer(this.#handler, 'close')
    this.#handler?.closed('closed', CLOSE_TRY_AGAIN_LATER)
  }

  /** Drop a binary frame, because clients parse each message as JSON and cannot read bytes (LONGPOLL-9). */
  #drop(frame: Frame): void {
    publishDroppedFrame(this.#handler, frame)
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#host.log.warn(
      { transport: this.name },
      'binary frame dropped: long-poll sends only text to clients',
    )
  }
}
