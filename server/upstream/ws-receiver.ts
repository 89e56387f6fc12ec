import type { WebSocket } from 'ws'

/** Private fields of `ws`, for the message that is being received. `ws` has no public API for them. */
type Receiver = {
  /** Number of bytes that are read but not parsed yet. */
  readonly _bufferedBytes: number
  /** State of the frame parser; 0 between frames. */
  readonly _state: number
  /** Opcode of the fragmented message that is being received; 0 between messages. */
  readonly _fragmented: number
}
type Receiving = WebSocket & { readonly _receiver?: Receiver }

/** Whether a message or frame has arrived only in part. */
export function isUnfinished(ws: WebSocket): boolean {
  const { _receiver: receiver }: Receiving = ws
  if (receiver === undefined) return false
  return receiver._bufferedBytes > 0 || receiver._state !== 0 || receiver._fragmented !== 0
}
