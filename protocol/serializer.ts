import type { Broadcast } from './broadcast.ts'
import { UsageError } from './errors.ts'
import type { Message, Reply } from './message.ts'

/** Data type of a frame, as in WebSocket. */
export type Opcode = 'text' | 'binary'

/** Encoded frame. A frame is encoded once and may be sent to many connections. */
export class Frame {
  readonly opcode: Opcode
  readonly data: string | Uint8Array
  /** Size of `data` in bytes; 0 until a transport has counted the bytes. */
  size: number
  /** If true, the frame is never dropped: a client that reads too slowly is disconnected instead (RECOVERY-15). */
  mustArrive: boolean
  /** Value that a transport caches here, so that the transport builds the WebSocket frame only once. */
  wire: unknown

  constructor(opcode: Opcode, data: string | Uint8Array) {
    this.opcode = opcode
    this.data = data
    this.size = 0
    this.mustArrive = false
    this.wire = null
  }
}

/** Codec between messages and frames: three pure functions. */
export interface Serializer {
  /** Protocol version, e.g. `2.0.0`. */
  readonly vsn: string
  /** Unique small integer. `Broadcast.frames[index]` is the frame that this serializer has encoded. */
  readonly index: number
  /** Decode a client's frame. Payload bytes are copied. @throws ProtocolError when the frame is malformed. */
  decode(data: string | Uint8Array, opcode: Opcode): Message
  /** Encode a push or a reply. @throws ProtocolError when this version does not support the payload. */
  encode(message: Message | Reply): Frame
  /**
   * Encode a broadcast for all subscribers. Returns null if this version does not support the payload. Subscribers that
   * use this version then do not get the broadcast.
   */
  fastlane(broadcast: Broadcast): Frame | null
}

/** Error for a value that the serializer's `method` cannot encode. */
export function notMessage(method: 'encode' | 'fastlane', legal: string): UsageError {
  return new UsageError('PHX_ERR_OPTION', `serializer.${method}() can only encode ${legal}`)
}
