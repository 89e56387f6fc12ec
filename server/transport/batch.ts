import { Buffer } from 'node:buffer'
import type { Socket as NetSocket } from 'node:net'
import type { Frame } from '../../protocol/index.ts'
import { wsFrame } from '../upstream/ws-frame.ts'

/** Up to this many bytes are joined into one buffer; larger batches are written piece by piece, */
const MAX_JOINED_BYTES = 65_536
/** unless their frames are this small: a system call takes 1,024 pieces, and the rest would wait. */
const SMALL_FRAME_BYTES = 4_096

/**
 * Frames that leave together: one frame after those before it. Connections that queue the same frames
 * in the same turn, as the subscribers of a busy topic do, arrive at the same batch and share its bytes.
 */
export class Batch {
  /** All its bytes. */
  readonly size: number
  /** How many frames it has. */
  readonly count: number
  /** Bytes of its largest frame. */
  readonly largest: number
  readonly #before: Batch | null
  readonly #last: Buffer
  #joined: Buffer | null
  #nextFrame: Frame | null
  #next: Batch | null

  private constructor(before: Batch | null, last: Buffer) {
    this.size = last.length + (before === null ? 0 : before.size)
    this.count = before === null ? 1 : before.count + 1
    this.largest = before === null ? last.length : Math.max(before.largest, last.length)
    this.#before = before
    this.#last = last
    this.#joined = before === null ? last : null
    this.#nextFrame = null
    this.#next = null
  }

  /** The batch of a single frame, kept on the frame. */
  static of(frame: Frame): Batch {
    if (frame.wire instanceof Batch) return frame.wire
    const batch = new Batch(null, wsFrame(frame))
    frame.wire = batch
    return batch
  }

  /** This batch and a further frame. The latest answer is remembered for the next connection. */
  with(frame: Frame): Batch {
    if (this.#nextFrame === frame && this.#next !== null) return this.#next
    this.#nextFrame = frame
    this.#next = new Batch(this, Batch.of(frame).#last)
    return this.#next
  }

  /** Write all frames, in order, in one system call. */
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
    for (let batch: Batch | null = this; batch !== null; batch = batch.#before) pieces.push(batch.#last)
    return pieces.reverse()
  }
}
