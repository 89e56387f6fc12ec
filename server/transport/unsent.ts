import type { WriteBatch } from './write-batch.ts'

/** Batches that one connection has written, but that were not completely sent at the last check. */
export class Unsent {
  /** Unsent bytes at the last check; the real number may be lower by now. */
  bytes: number
  /** Number of frames in all batches. The first batch counts in full, even if some of its frames are already sent. */
  frames: number
  /** Size, in bytes, of the largest frame of all batches added so far, including batches that are already sent. */
  largest: number
  readonly #batches: WriteBatch[]
  /** Bytes of all batches. The first batch counts in full, even if a part of its bytes is already sent. */
  #size: number

  constructor() {
    this.bytes = 0
    this.frames = 0
    this.largest = 0
    this.#batches = []
    this.#size = 0
  }

  add(batch: WriteBatch): void {
    this.#batches.push(batch)
    this.#size += batch.size
    this.frames += batch.count
    this.largest = Math.max(this.largest, batch.largest)
  }

  /** Set the number of unsent bytes, and remove the batches that are completely sent. */
  look(bytes: number): void {
    this.bytes = bytes
    for (let first = this.#batches[0]; first !== undefined; first = this.#batches[0]) {
      if (this.#size - first.size < bytes) return
      this.#batches.shift()
      this.#size -= first.size
      this.frames -= first.count
    }
  }
}
