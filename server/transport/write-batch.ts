import { Buffer } from 'node:buffer'
import type { Socket as NetSocket } from 'node:net'
import type { Frame } from '../../protocol/index.ts'
import { wsFrame } from '../upstream/ws-frame.ts'

/**
 * Batches up to this size, in bytes, are always joined into one buffer. Larger batches are joined only if their frames
 * are small.
 */
const MAX_JOINED_BYTES = 65_536
/**
 * If the average size of a batch's frames is at most this number of bytes, the batch is joined into one buffer, however
 * large the batch is. One system call takes at most 1,024 buffers, so many unjoined frames would need several calls.
 */
const SMALL_FRAME_BYTES = 4_096

/**
 * Frames that are written together, as a linked list that ends with the latest frame. Connections that queue the same
 * frames in the same turn, such as the subscribers of a busy topic, share one batch and its bytes.
 */
export class WriteBatch {
  /** Bytes of all frames. */
  readonly size: number
  /** Number of frames. */
  readonly count: number
  /** Bytes of the largest frame. */
  readonly largest: number
  readonly #before: WriteBatch | null
  readonly #last: Buffer
  #joined: Buffer | null
  #nextFrame: Frame | null
  #next: WriteBatch | null

  private constructor(before: WriteBatch | null, last: Buffer) {
    this.size = last.length + (before === null ? 0 : before.size)
    this.count = before === null ? 1 : before.count + 1
    this.largest = before === null ? last.length : Math.max(before.largest, last.length)
    this.#before = before
    this.#last = last
    this.#joined = before === null ? last : null
    this.#nextFrame = null
    this.#next = null
  }

  /** Batch of a single frame, cached on the frame. */
  static of(frame: Frame): WriteBatch {
    if (frame.wire instanceof WriteBatch) return frame.wire
    const batch = new WriteBatch(null, wsFrame(frame))
    frame.wire = batch
    return batch
  }

  /** This batch followed by one more frame. The latest result is cached for connections that add the same frame. */
  with(frame: Frame): WriteBatch {
    if (this.#nextFrame === frame && this.#next !== null) return this.#next
    this.#nextFrame = frame
    this.#next = new WriteBatch(this, WriteBatch.of(frame).#last)
    return this.#next
  }

  /** Write all frames, in order, with as few system calls as possible. */
  writeTo(socket: NetSocket): void {
    if (this.size <= Math.max(MAX_JOINED_BYTES, this.count * SMALL_FRAME_BYTES)) {
      this.#joined ??= Buffer.concat(this.#pieces(), this.size)
      socket.write(this.#joined)
      return
    }
    socket.cork()
    for (const piece of this.#pieces()) socket.write(piece)
    socket.uncork()
  }

  #pieces(): Buffer[] {
    const pieces: Buffer[] = []
    for (let batch: WriteBatch | null = this; batch !== null; batch = batch.#before) pieces.push(batch.#last)
    return pieces.reverse()
  }
}
