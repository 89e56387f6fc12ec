/** So many milliseconds of each turn of the event loop may be taken while others wait, */
const SLICE_MS = 10
/** and no fewer than this, however late the loop is. */
const SHORTEST_SLICE_MS = 1
/** The loop is late when so many milliseconds pass between two slices. */
const LATE_MS = 20
/** So few in a row are no crowd, however long they take: a first call compiles, a collector runs. */
const CROWD = 8
/** A turn that was longer is not expected to come again. */
const FORESEEN_MS = 1_000
/** A crowd that has passed is forgotten after so many milliseconds. */
const LONGEST_DEBT_MS = 40

/** What asks to start. */
export interface Entrant {
  /** It has to wait. */
  hold(): void
  start(): void
  /** It will not start: its time is up. */
  refuse(): void
}

/** How many may wait for how long, and how much of the time is theirs. */
export type AdmissionOptions = {
  readonly maxWaiting: number
  /** Milliseconds. */
  readonly maxWait: number
  /** Milliseconds of the next slice, from those of the last one and of the turn since. */
  readonly nextSlice: (slice: number, turn: number) => number
}

/**
 * Starts what comes at once while the event loop is idle. When a crowd comes it waits in one queue and is
 * started in slices of the turns, so that the loop goes round and everybody else is served in between.
 */
export class Admission {
  readonly #options: AdmissionOptions
  /** Those that wait and when they came, the oldest first. */
  readonly #waiting: Map<Entrant, number>
  /** When the time that was taken lately is paid for. */
  #busyUntil: number
  /** How many have come before it was. */
  #inARow: number
  #slice: number
  /** When the latest slice was over; null while nothing waits for the next. */
  #pausedAt: number | null

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#waiting = new Map()
    this.#busyUntil = 0
    this.#inARow = 0
    this.#slice = SLICE_MS
    this.#pausedAt = null
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** True if nobody else may wait. */
  get isFull(): boolean {
    return this.#waiting.size >= this.#options.maxWaiting
  }

  /** Start it, now or in its turn. */
  enter(entrant: Entrant): void {
    const now = performance.now()
    if (this.#waiting.size > 0 || this.#isCrowded(now)) return this.#hold(entrant, now)
    entrant.start()
    this.#count(now, performance.now())
  }

  /** Take out what waits; false if it does not. */
  remove(entrant: Entrant): boolean {
    return this.#waiting.delete(entrant)
  }

  /** More than half of the time was taken lately. */
  #isCrowded(now: number): boolean {
    if (this.#busyUntil <= now) this.#inARow = 0
    return this.#inARow >= CROWD && this.#busyUntil - now > SLICE_MS
  }

  /** Each millisecond that is taken is paid for with another one that is not. */
  #count(startedAt: number, now: number): void {
    const busyUntil = Math.max(this.#busyUntil, startedAt) + 2 * (now - startedAt)
    this.#busyUntil = Math.min(busyUntil, now + LONGEST_DEBT_MS)
    this.#inARow += 1
  }

  #hold(entrant: Entrant, now: number): void {
    this.#waiting.set(entrant, now)
    entrant.hold()
    if (this.#pausedAt === null) this.#pause(now)
  }

  #pause(now: number): void {
    this.#pausedAt = now
    setImmediate(resume, this)
  }

  /** A turn of the loop has passed: start those whose turn it is, until the slice is over. */
  resume(): void {
    let now = performance.now()
    const turn = now - (this.#pausedAt ?? now)
    this.#slice = this.#options.nextSlice(this.#slice, turn)
    const end = now + this.#slice
    // Who would be too old after another such turn cannot wait for it.
    const next = end + Math.min(turn, FORESEEN_MS)
    for (const [entrant, since] of this.#waiting) {
      const latest = since + this.#options.maxWait
      if (now >= end && next < latest) break
      this.#waiting.delete(entrant)
      if (now < end && now < latest) entrant.start()
      else entrant.refuse()
      const before = now
      now = performance.now()
      this.#count(before, now)
    }
    this.#pausedAt = null
    if (this.#waiting.size > 0) this.#pause(now)
  }
}

function resume(admission: Admission): void {
  admission.resume()
}

/**
 * For what can wait: half as long after a late turn, a little longer after any other. What makes turns late
 * may be something else, so a part of the time is kept all the same.
 */
export function yieldingSlice(slice: number, turn: number): number {
  if (turn <= LATE_MS) return Math.min(SLICE_MS, slice + 1)
  return Math.min(SLICE_MS, Math.max(SHORTEST_SLICE_MS, turn / 64, slice / 2))
}

/**
 * For what is to be done as soon as the loop can: a fifth of the time, even if something else makes all turns
 * late. One late turn is not made much later.
 */
export function steadySlice(slice: number, turn: number): number {
  return Math.max(SLICE_MS, Math.min(turn / 4, slice * 2))
}
