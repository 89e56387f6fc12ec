import type { Limits } from '../config.ts'
import { tellLimit } from './observed.ts'

/** Joins may take so many milliseconds of each turn of the event loop; fewer while the loop is late. */
const SLICE_MS = 10
const SHORTEST_SLICE_MS = 1
/** The loop is late when so many milliseconds pass between two slices. */
const LATE_MS = 20
/** What makes it late may be something else: joins get this part of the time all the same. */
const LEAST_SHARE = 1 / 64
/** So few joins in a row are no crowd, however long they take: a first call compiles, a collector runs. */
const CROWD = 8
/** A turn that was longer is not expected to come again. */
const FORESEEN_MS = 1_000
/** A crowd that has passed is forgotten after so many milliseconds. */
const LONGEST_DEBT_MS = 40

/** A join that asks to start. */
export interface Entrant {
  /** It has to wait. */
  hold(): void
  start(): void
  /** It will not start: the server has too much to do. */
  refuse(): void
}

/**
 * Starts the joins of an endpoint, at once while the event loop is idle. When a crowd comes they wait in
 * one queue and are started at the rate that the loop bears, or refused when their time is up (LIMIT-4).
 */
export class Admission {
  readonly #host: object
  readonly #limits: Limits
  /** Those that wait and when they came, the oldest first. */
  readonly #waiting: Map<Entrant, number>
  /** When the time that joins have taken lately is paid for. */
  #busyUntil: number
  /** How many have come before it was. */
  #inARow: number
  #slice: number
  /** When the latest slice was over; null while nothing waits for the next. */
  #pausedAt: number | null

  constructor(host: object, limits: Limits) {
    this.#host = host
    this.#limits = limits
    this.#waiting = new Map()
    this.#busyUntil = 0
    this.#inARow = 0
    this.#slice = SLICE_MS
    this.#pausedAt = null
  }

  /** How many joins wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** True if no further join may wait. */
  get isFull(): boolean {
    return this.#waiting.size >= this.#limits.maxWaitingJoins
  }

  /** Start a join, now or in its turn. */
  enter(join: Entrant): void {
    const now = performance.now()
    if (this.#waiting.size > 0 || this.#isCrowded(now)) return this.#hold(join, now)
    join.start()
    this.#count(now, performance.now())
  }

  /** Take a join out that waits; false if it does not. */
  remove(join: Entrant): boolean {
    return this.#waiting.delete(join)
  }

  /** Joins have taken more than half of the time lately. */
  #isCrowded(now: number): boolean {
    if (this.#busyUntil <= now) this.#inARow = 0
    return this.#inARow >= CROWD && this.#busyUntil - now > SLICE_MS
  }

  /** Each millisecond of joins is paid for with another one without. */
  #count(startedAt: number, now: number): void {
    const busyUntil = Math.max(this.#busyUntil, startedAt) + 2 * (now - startedAt)
    this.#busyUntil = Math.min(busyUntil, now + LONGEST_DEBT_MS)
    this.#inARow += 1
  }

  #hold(join: Entrant, now: number): void {
    this.#waiting.set(join, now)
    join.hold()
    if (this.#pausedAt === null) this.#pause(now)
  }

  #pause(now: number): void {
    this.#pausedAt = now
    setImmediate(resume, this)
  }

  /** A turn of the loop has passed: start those whose turn it is, until the slice is over. */
  resume(): void {
    let now = performance.now()
    const late = now - (this.#pausedAt ?? now)
    this.#slice = nextSlice(this.#slice, late)
    const end = now + this.#slice
    // Who would be too old after another such turn cannot wait for it.
    const next = end + Math.min(late, FORESEEN_MS)
    for (const [join, since] of this.#waiting) {
      const latest = since + this.#limits.maxJoinWait
      if (now >= end && next < latest) break
      this.#waiting.delete(join)
      if (now < end && now < latest) join.start()
      else this.#refuse(join)
      const before = now
      now = performance.now()
      this.#count(before, now)
    }
    this.#pausedAt = null
    if (this.#waiting.size > 0) this.#pause(now)
  }

  #refuse(join: Entrant): void {
    tellLimit(this.#host, 'maxJoinWait')
    join.refuse()
  }
}

function resume(admission: Admission): void {
  admission.resume()
}

/** Half as long after a late turn, a little longer after any other. */
function nextSlice(slice: number, late: number): number {
  if (late <= LATE_MS) return Math.min(SLICE_MS, slice + 1)
  return Math.min(SLICE_MS, Math.max(SHORTEST_SLICE_MS, late * LEAST_SHARE, slice / 2))
}
