import type { Batch } from './batch.ts'

/** Batches that one connection has written, and that the network had not taken when last looked at. */
export class Unsent {
  /** Bytes that wait; since the latest look the network can only have taken some. */
  bytes: number
  /** How many frames wait. */
  frames: number
  /** Bytes of the largest frame that was written since nothing waited. */
  largest: number
  readonly #batches: Batch[]
  /** Bytes of all batches, what has been taken of the first included. */
  #size: number

  constructor() {
    this.bytes = 0
    this.frames = 0
    this.largest = 0
    this.#batches = []
    this.#size = 0
  }

  add(batch: Batch): void {
    this.#batches.push(batch)
    this.#size += batch.size
    this.frames += batch.count
    this.largest = Math.max(this.largest, batch.largest)
  }

  /** So many bytes wait: forget the batches before them. */
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
