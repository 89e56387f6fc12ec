import type { Frame } from '../../protocol/index.ts'
import type { Logger } from '../endpoint.ts'
import { telemetry } from '../telemetry.ts'
import type { ClientFrame } from './longpoll-frames.ts'
import type { Flushable, Outbox } from './outbox.ts'
import { Pending } from './pending.ts'
import type { SocketHandler, Transport } from './transport.ts'

/** What one polling client may use. */
export type LongPollLimits = {
  /** Milliseconds that a poll waits for messages, and a POST for room. */
  readonly windowMs: number
  /** Characters of messages that may wait for the client's polls. */
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

/** Messages that leave in one answer. */
export type Messages = readonly string[]

const NONE: Messages = Object.freeze([])
/** A client whose last poll began so many windows ago has gone. */
const WINDOWS_TO_LIVE = 1.5

/** A connection that is made of requests: what is sent waits until the client polls (LONGPOLL-4). */
export class LongPollSession implements Transport, Flushable {
  readonly name = 'longpoll'
  readonly id: string
  readonly #host: LongPollHost
  #handler: SocketHandler | null
  #poll: Pending<Messages> | null
  #polledAt: number
  #queue: string[]
  #queuedSize: number
  /** The latest answer, until it is written; a poll that comes earlier gets it again. */
  #unwritten: Messages
  #unwrittenSize: number
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
    this.#queue = []
    this.#queuedSize = 0
    this.#unwritten = NONE
    this.#unwrittenSize = 0
    this.#held = new Set()
    this.#isPaused = false
    this.#isClosed = false
    this.#hasWarned = false
    host.sessions.set(id, this)
  }

  get bufferedAmount(): number {
    return this.#queuedSize + this.#unwrittenSize
  }

  /** Begin to hand what the client sends to `handler`. */
  attach(handler: SocketHandler): void {
    this.#handler = handler
  }

  /**
   * The client asks for messages; none if none come within the window. The newer of two polls gets them,
   * the older ends at once, so that a session never holds more than one (LONGPOLL-5).
   */
  poll(): Pending<Messages> {
    this.#polledAt = performance.now()
    this.#poll?.settle(NONE)
    this.#poll = new Pending(this.#host.limits.windowMs, NONE)
    this.flush()
    return this.#poll
  }

  /** The network has taken the answer to a poll. */
  written(messages: Messages): void {
    if (messages !== this.#unwritten) return
    this.#unwritten = NONE
    this.#unwrittenSize = 0
  }

  /**
   * Hand over a client's frames, in order. True when there is room for more; false when there is none
   * within the window, or the session has ended (LONGPOLL-7).
   */
  async deliver(frames: readonly ClientFrame[]): Promise<boolean> {
    const deadline = performance.now() + this.#host.limits.windowMs
    // Of several that are held the first may fill the queue again: each looks anew when it goes on.
    while (this.#isPaused) if (!(await this.#hold(deadline))) return false
    if (this.#isClosed) return false
    for (const { data, opcode } of frames) this.#handler?.receive(data, opcode)
    while (this.#isPaused) if (!(await this.#hold(deadline))) return false
    return !this.#isClosed
  }

  send(frame: Frame): void {
    if (this.#isClosed) return
    if (frame.opcode === 'binary') return this.#drop(frame)
    const text = typeof frame.data === 'string' ? frame.data : Buffer.from(frame.data).toString()
    if (this.bufferedAmount + text.length > this.#host.limits.maxBufferedBytes) return this.#overflow()
    this.#queue.push(text)
    this.#queuedSize += text.length
    // All that this turn sends leaves in one answer.
    if (this.#poll !== null && this.#queue.length === 1) this.#host.outbox.add(this)
  }

  flush(): void {
    const poll = this.#poll
    if (poll === null || poll.isSettled || this.bufferedAmount === 0) return
    this.#unwritten = [...this.#unwritten, ...this.#queue]
    this.#unwrittenSize += this.#queuedSize
    this.#queue = []
    this.#queuedSize = 0
    poll.settle(this.#unwritten)
  }

  /** There is no code in this protocol: the client's next poll is told that the session is gone. */
  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#host.sessions.delete(this.id)
    this.#poll?.settle(NONE)
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
  sweep(now: number): void {
    if (now - this.#polledAt < this.#host.limits.windowMs * WINDOWS_TO_LIVE) return
    this.close()
    this.#handler?.closed('inactive')
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
    this.#queue = []
    this.#queuedSize = 0
    this.close()
    this.#handler?.closed('closed')
  }

  /** Messages are JSON strings, and clients parse each: bytes would be an error there (LONGPOLL-9). */
  #drop(frame: Frame): void {
    if (telemetry.frameDropped.hasSubscribers) telemetry.frameDropped.publish({ session: this, frame })
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#host.log.warn({ transport: this.name }, 'a binary frame cannot travel by long-poll and was dropped')
  }
}
