import type { Broadcast } from './broadcast.ts'
import { UsageError } from './errors.ts'
import type { Message, Reply } from './message.ts'

/** Whether a frame travels as a text or as a binary message of its transport. */
export type Opcode = 'text' | 'binary'

/** One encoded frame. It is made once and may be sent to many connections. */
export class Frame {
  readonly opcode: Opcode
  readonly data: string | Uint8Array
  /** Bytes of its data, once a transport has counted them; 0 before. */
  size: number
  /** Whether a client counts on it: where slow clients lose frames, they are closed instead (RECOVERY-15). */
  mustArrive: boolean
  /** A transport's own ready form of this frame, kept between sends; nobody else reads it. */
  wire: unknown

  constructor(opcode: Opcode, data: string | Uint8Array) {
    this.opcode = opcode
    this.data = data
    this.size = 0
    this.mustArrive = false
    this.wire = null
  }
}

/** A codec between messages and frames: three pure functions. */
export interface Serializer {
  /** The version it speaks, e.g. `2.0.0`. */
  readonly vsn: string
  /** A small integer of its own; a broadcast keeps its frames in an array by this index. */
  readonly index: number
  /** Read a client's frame. Payload bytes are copied. @throws ProtocolError when it is not one. */
  decode(data: string | Uint8Array, opcode: Opcode): Message
  /** Write a push or a reply. @throws ProtocolError when the version cannot carry it. */
  encode(message: Message | Reply): Frame
  /**
   * Write a broadcast, the same for every subscriber; null if this version cannot carry it and its
   * subscribers are to be passed over. @throws ProtocolError when the payload is not a JSON object.
   */
  fastlane(broadcast: Broadcast): Frame | null
}

/** The error for something else that was to be encoded. */
export function notMessage(legal: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `a serializer can only encode ${legal}`)
}
