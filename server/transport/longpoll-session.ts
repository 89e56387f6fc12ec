import { CLOSE_MESSAGE_TOO_BIG, CLOSE_TRY_AGAIN_LATER, type Frame } from '../../protocol/index.ts'
import type { SocketHandler, Transport } from '../channel/transport.ts'
import type { Logger } from '../endpoint/endpoint-options.ts'
import type { ClientFrame } from './longpoll-frames.ts'
import { type Batch, LongPollQueue, NOTHING } from './longpoll-queue.ts'
import { tellDroppedFrame, tellSlowConsumer } from './observed.ts'
import type { Flushable, Outbox } from './outbox.ts'
import { Pending } from './pending.ts'

/** What one polling client may use. */
export type LongPollLimits = {
  /** Milliseconds that a poll waits for messages, and a POST for room. */
  readonly windowMs: number
  /** Bytes of the largest frame of a POST. */
  readonly maxFrameSize: number
  /** Characters of messages that may wait for the client's polls, the largest one left out. */
  readonly maxBufferedBytes: number
}

/** What a session needs of its mount. */
export type LongPollHost = {
  readonly limits: LongPollLimits
  readonly outbox: Outbox
  /** The sessions that are alive, by their ids. */
  readonly sessions: Map<string, LongPollSession>
  readonly log: Pick<Logger, 'warn'>
}

/** A client's request for messages. */
export type Poll = {
  /** The latest batch that the client is known to have; 0 for none. */
  readonly received: number
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
}

/** A session as requests see it, on whatever node it is. */
export interface PolledSession {
  /**
   * The client asks for messages; an empty batch if none come within the window, null if the session has
   * gone. The newer of two polls gets them, the older ends at once (LONGPOLL-5).
   */
  poll(poll: Poll): Promise<Batch | null>
  /** The network has taken the answer with this batch. */
  written(batch: Batch): void
  /**
   * Hand over a client's frames, in order. True when there is room for more; false when there is none
   * within the window, or the session has ended (LONGPOLL-7); null if it had gone before.
   * `since` is when the client's request came: it may have waited for others which found no room.
   */
  deliver(frames: readonly ClientFrame[], since: number): Promise<boolean | null>
}

/** A client whose last poll began so many windows ago has gone. */
const WINDOWS_TO_LIVE = 1.5
/** Milliseconds for which a batch stays with the node that carries it and has not said more (LONGPOLL-12). */
const LENT_MS = 1_000

/** A connection that is made of requests: what is sent waits until the client polls (LONGPOLL-4). */
export class LongPollSession implements PolledSession, Transport, Flushable {
  readonly name = 'longpoll'
  readonly id: string
  readonly #host: LongPollHost
  #handler: SocketHandler | null
  #poll: Pending<Batch> | null
  #polledAt: number
  readonly #queue: LongPollQueue
  /** Whether another node carries the poll. */
  #isCarried: boolean
  /** Runs while a batch is with another node, and nobody knows yet whether the client has it. */
  #lent: NodeJS.Timeout | null
  readonly #held: Set<Pending<boolean>>
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
    this.#isCarried = false
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

  /** Begin to hand what the client sends to `handler`. */
  attach(handler: SocketHandler): void {
    this.#handler = handler
  }

  /** The session never holds more than one poll. */
  poll({ received, signal }: Poll, isCarried = false): Promise<Batch> {
    this.#polledAt = performance.now()
    this.#poll?.settle(NOTHING)
    const poll = new Pending(this.#host.limits.windowMs, NOTHING)
    if (signal.aborted) poll.settle(NOTHING)
    signal.addEventListener('abort', () => poll.settle(NOTHING), { once: true })
    this.#poll = poll
    this.#isCarried = isCarried
    this.#settle(received, true)
    this.flush()
    return poll.promise
  }

  written({ number }: Pick<Batch, 'number'>): void {
    this.#settle(number, true)
  }

  /** The node that carried this batch could not write it: it is for the next poll. */
  unwritten({ number }: Pick<Batch, 'number'>): void {
    this.#settle(number, false)
  }

  async deliver(frames: readonly ClientFrame[], since = performance.now()): Promise<boolean> {
    // Who has waited while there was room has not waited for it.
    const waitsSince = this.#isPaused ? since : performance.now()
    const deadline = waitsSince + this.#host.limits.windowMs
    // Of several that are held the first may fill the queue again: each looks anew when it goes on.
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
    // All that this turn sends leaves in one answer.
    if (this.#poll !== null && this.#queue.waiting === 1) this.#host.outbox.add(this)
  }

  flush(): void {
    const poll = this.#poll
    if (poll === null || poll.isSettled || this.bufferedAmount === 0 || this.#lent !== null) return
    const batch = this.#queue.take()
    if (this.#isCarried) this.#lent = setTimeout(() => this.unwritten(batch), LENT_MS)
    poll.settle(batch)
  }

  /** There is no code in this protocol: the client's next poll is told that the session is gone. */
  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#host.sessions.delete(this.id)
    this.#poll?.settle(NOTHING)
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

  /** Only polls are a sign of life; POSTs are not (LONGPOLL-8). */
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

  /** It is known whether the client has a batch; of an earlier one that is no news. */
  #settle(number: number, isWritten: boolean): void {
    if (!this.#queue.isLatest(number)) return
    if (isWritten) this.#queue.forget()
    if (this.#lent === null) return
    clearTimeout(this.#lent)
    this.#lent = null
    this.flush()
  }

  /** False when the deadline passes before the session is resumed. */
  async #hold(deadline: number): Promise<boolean> {
    const held = new Pending(deadline - performance.now(), false)
    this.#held.add(held)
    const isResumed = await held.promise
    this.#held.delete(held)
    return isResumed
  }

  /** The client does not poll: keep nothing more for it (CLOSE-3). */
  #overflow(): void {
    this.#queue.clear()
    this.close()
    tellSlowConsumer(this.#handler, 'close')
    this.#handler?.closed('closed', CLOSE_TRY_AGAIN_LATER)
  }

  /** Messages are JSON strings, and clients parse each: bytes would be an error there (LONGPOLL-9). */
  #drop(frame: Frame): void {
    tellDroppedFrame(this.#handler, frame)
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#host.log.warn({ transport: this.name }, 'a binary frame cannot travel by long-poll and was dropped')
  }
}
