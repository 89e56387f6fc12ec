import type { WebSocket } from 'ws'

/** The part of `ws`, from 8.0 on, that puts messages together; it tells nobody what it has of one. */
type Receiver = {
  /** Bytes that it has read and could not use yet. */
  readonly _bufferedBytes: number
  /** The step of reading a frame, 0 between frames. */
  readonly _state: number
  /** The opcode of the message whose fragments come, 0 between messages. */
  readonly _fragmented: number
}
type Receiving = WebSocket & { readonly _receiver?: Receiver }

/** Whether a part of a message, or of a frame, has come and the rest has not. */
export function isUnfinished(ws: WebSocket): boolean {
  const { _receiver: receiver }: Receiving = ws
  if (receiver === undefined) return false
  return receiver._bufferedBytes > 0 || receiver._state !== 0 || receiver._fragmented !== 0
}
