// Problem: thousands of clients may join or reconnect at the same time, as after a deploy. Starting all of their joins
// in one event-loop turn would block heartbeats and messages of every other client for seconds.
//
// Approach: if there is no burst, an entry (for example a join) starts immediately. If the process recently spent more
// than half of its time on starting entries, there is a burst. During a burst, new entries wait in a FIFO queue. Each
// event-loop turn (check phase) has one time slice, in which queued entries start. The slice adapts to the lateness of
// the loop; see `yieldingSlice` and `steadySlice`. The queue sets no timer, because a timer fires late if the loop is
// busy.
//
// Invariant: entries start in order. While entries wait, at most one slice of each turn is spent on them. An entry that
// has waited for `maxWait` is refused, not started.

/** Initial length of a time slice, in milliseconds. Maximum of `yieldingSlice` and minimum of `steadySlice`. */
const SLICE_MS = 10
/** Minimum of `yieldingSlice`, in milliseconds. */
const SHORTEST_SLICE_MS = 1
/** The event loop counts as late if a turn takes longer than this number of milliseconds. */
const LATE_TURN_MS = 20
/**
 * Minimum number of consecutive entries that count as a burst. JIT warm-up or a GC pause can make a few entries look
 * like a burst.
 */
const BURST = 8
/** Maximum estimate of the length of the next event-loop turn, in milliseconds. */
const FORESEEN_MS = 1_000
/** Maximum number of milliseconds for which the queue counts as busy after an entry has started. */
const MAX_BUSY_MS = 40

/** Work that can start, wait or be refused, such as a join. */
export interface QueueEntry {
  /** Called when the entry has to wait. */
  hold(): void
  start(): void
  /** Called instead of `start` when the entry has waited too long. */
  refuse(): void
}

export type BurstQueueOptions = {
  /** Maximum number of waiting entries. */
  readonly maxWaiting: number
  /** Maximum time that an entry waits, in milliseconds. */
  readonly maxWait: number
  /**
   * Returns the length of the next time slice, in which waiting entries start. `slice` is the length of the previous
   * slice. `turn` is the time since the end of the previous slice. All values are in milliseconds.
   */
  readonly nextSlice: (slice: number, turn: number) => number
}

/**
 * Starts entries immediately while the event loop is idle, and spreads bursts over several event-loop turns, so that
 * other work runs in between.
 */
export class BurstQueue {
  readonly #options: BurstQueueOptions
  /** Waiting entries and their times of arrival, the oldest first. */
  readonly #waiting: Map<QueueEntry, number>
  /** Time until which the queue counts as busy. Each entry adds twice the duration of its start or refusal. */
  #busyUntil: number
  /** Number of entries that were started or refused since the queue became busy. */
  #inARow: number
  #slice: number
  /** Time of the latest call of `#pause`; null while `resume` is neither scheduled nor running. */
  #pausedAt: number | null

  constructor(options: BurstQueueOptions) {
    this.#options = options
    this.#waiting = new Map()
    this.#busyUntil = 0
    this.#inARow = 0
    this.#slice = SLICE_MS
    this.#pausedAt = null
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Whether the maximum number of entries are waiting. */
  get isFull(): boolean {
    return this.#waiting.size >= this.#options.maxWaiting
  }

  /** Start an entry now, or queue it. */
  enter(entry: QueueEntry): void {
    const now = performance.now()
    if (this.#waiting.size > 0 || this.#isBursting(now)) return this.#hold(entry, now)
    entry.start()
    this.#count(now, performance.now())
  }

  /** Remove a waiting entry. Returns false if the entry is not in the queue. */
  remove(entry: QueueEntry): boolean {
    return this.#waiting.delete(entry)
  }

  /** True during a burst, when new entries must wait. */
  #isBursting(now: number): boolean {
    if (this.#busyUntil <= now) this.#inARow = 0
    return this.#inARow >= BURST && this.#busyUntil - now > SLICE_MS
  }

  /** Record the time that the start or refusal of an entry took. `#busyUntil` grows by twice this time. */
  #count(startedAt: number, now: number): void {
    const busyUntil = Math.max(this.#busyUntil, startedAt) + 2 * (now - startedAt)
    this.#busyUntil = Math.min(busyUntil, now + MAX_BUSY_MS)
    this.#inARow += 1
  }

  #hold(entry: QueueEntry, now: number): void {
    this.#waiting.set(entry, now)
    entry.hold()
    if (this.#pausedAt === null) this.#pause(now)
  }

  #pause(now: number): void {
    this.#pausedAt = now
    setImmediate(resume, this)
  }

  /** Start or refuse waiting entries until the slice is over. Called once per event-loop turn while entries wait. */
  resume(): void {
    let now = performance.now()
    const turn = now - (this.#pausedAt ?? now)
    this.#slice = this.#options.nextSlice(this.#slice, turn)
    const end = now + this.#slice
    // Expected time of the next call. An entry whose `maxWait` ends before the next call is started or refused now.
    const next = end + Math.min(turn, FORESEEN_MS)
    for (const [entry, since] of this.#waiting) {
      const latest = since + this.#options.maxWait
      if (now >= end && next < latest) break
      this.#waiting.delete(entry)
      if (now < end && now < latest) entry.start()
      else entry.refuse()
      const before = now
      now = performance.now()
      this.#count(before, now)
    }
    this.#pausedAt = null
    if (this.#waiting.size > 0) this.#pause(now)
  }
}

function resume(queue: BurstQueue): void {
  queue.resume()
}

/**
 * Return the length of the next time slice, for work that can wait. After an event-loop turn of at most `LATE_TURN_MS`,
 * the slice grows by one millisecond. After a longer turn, the slice is halved, but is at least 1/64 of the turn. The
 * result is always between `SHORTEST_SLICE_MS` and `SLICE_MS`.
 */
export function yieldingSlice(slice: number, turn: number): number {
  if (turn <= LATE_TURN_MS) return Math.min(SLICE_MS, slice + 1)
  return Math.min(SLICE_MS, Math.max(SHORTEST_SLICE_MS, turn / 64, slice / 2))
}

/**
 * Return the length of the next time slice, for work that should run soon. The length is a quarter of the last
 * event-loop turn, but at least `SLICE_MS`, and at most twice the previous slice.
 */
export function steadySlice(slice: number, turn: number): number {
  return Math.max(SLICE_MS, Math.min(turn / 4, slice * 2))
}
