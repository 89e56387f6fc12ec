import * as phoenix from 'phoenix'

/** A message as the official client has it. */
export type ClientMessage = {
  join_ref?: unknown
  ref: unknown
  topic: unknown
  event: unknown
  payload: unknown
}

type Codec = {
  encode(message: ClientMessage, callback: (frame: string | ArrayBuffer) => void): void
  decode(frame: string | ArrayBuffer, callback: (message: ClientMessage) => void): void
}

// The package exports its codec, its published types do not mention it.
const { Serializer } = phoenix as unknown as { Serializer: Codec }

/** The frame that the official client sends for a message. */
export function clientEncode(message: ClientMessage): string | Uint8Array {
  const frames: (string | ArrayBuffer)[] = []
  Serializer.encode(message, (frame) => frames.push(frame))
  const [frame] = frames
  if (frame === undefined) throw new Error('the client encodes at once')
  return typeof frame === 'string' ? frame : new Uint8Array(frame)
}

/** Decode a frame as the official client does, with its ArrayBuffers as Uint8Arrays. */
export function clientDecode(data: string | Uint8Array): ClientMessage {
  const messages: ClientMessage[] = []
  Serializer.decode(typeof data === 'string' ? data : new Uint8Array(data).buffer, (message) => {
    messages.push(message)
  })
  const [message] = messages
  if (message === undefined) throw new Error('the client decodes at once')
  if (typeof data === 'string') return message
  const { payload } = message
  if (payload instanceof ArrayBuffer) return { ...message, payload: new Uint8Array(payload) }
  const { status, response } = payload as { status: string; response: ArrayBuffer }
  return { ...message, payload: { status, response: new Uint8Array(response) } }
}
