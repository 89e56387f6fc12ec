import type { Kept } from './history.ts'

/** Minimum number of dropped broadcasts before the array is compacted. Does not apply if no broadcast is kept. */
const COMPACT_AT = 64

/** Kept broadcasts of a topic in one epoch (see `Position`). Their sequence numbers have no gaps. */
export class Run {
  readonly epoch: string
  /** Sequence number of the latest broadcast, even if this broadcast is no longer kept. */
  head: number
  /** Total size of the kept payloads, in bytes. */
  bytes: number
  #entries: (Kept | undefined)[]
  #start: number

  constructor(epoch: string, head = 0) {
    this.epoch = epoch
    this.head = head
    this.bytes = 0
    this.#entries = []
    this.#start = 0
  }

  get count(): number {
    return this.#entries.length - this.#start
  }

  /** Sequence number of the oldest kept broadcast; `head + 1` if no broadcast is kept. */
  get low(): number {
    return this.head - this.count + 1
  }

  get oldest(): Kept | undefined {
    return this.#entries[this.#start]
  }

  /** Add a broadcast. Its `seq` must be `head + 1`. */
  add(kept: Kept): void {
    this.#entries.push(kept)
    this.head = kept.seq
    this.bytes += Buffer.byteLength(kept.json)
  }

  /** Drop and return the oldest broadcast; undefined if there is none. */
  drop(): Kept | undefined {
    const kept = this.#entries[this.#start]
    if (kept === undefined) return undefined
    this.#entries[this.#start++] = undefined
    this.bytes -= Buffer.byteLength(kept.json)
    if (
      this.#start === this.#entries.length ||
      (this.#start >= COMPACT_AT && this.#start * 2 >= this.#entries.length)
    ) {
      this.#entries = this.#entries.slice(this.#start)
      this.#start = 0
    }
    return kept
  }

  /** Return at most `count` kept broadcasts, in order, with sequence numbers above `from` and not above `to`. */
  between(from: number, to: number, count = Number.POSITIVE_INFINITY): Kept[] {
    const first = this.#start + Math.max(0, from + 1 - this.low)
    const last = this.#start + Math.min(to, this.head) - this.low + 1
    const found = this.#entries.slice(first, Math.max(first, Math.min(last, first + count)))
    // The cast is safe: only entries before `#start` are undefined, and `first` is at least `#start`.
    return found as Kept[]
  }
}
