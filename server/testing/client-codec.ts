import { PHX_REPLY } from '../../protocol/index.ts'
import { encodeBinary, KIND_PUSH, KIND_REPLY } from '../../protocol/v2-binary.ts'

// Client side of the wire format, as in phoenix.js. The serializers of `protocol/` are the server side.

/** Message as a client sees it. */
export type WireMessage = {
  readonly joinRef: unknown
  readonly ref: unknown
  readonly topic: unknown
  readonly event: unknown
  readonly payload: unknown
}

/** Side that sent a frame. */
export type Direction = 'client' | 'server'

/** Encode a message as a client of protocol version `vsn`. In version 2, a payload of bytes gives a binary frame. */
export function encodeAsClient(vsn: string, message: WireMessage): string | Uint8Array {
  const { joinRef, ref, topic, event, payload } = message
  if (vsn.startsWith('1')) return JSON.stringify({ join_ref: joinRef, ref, topic, event, payload })
  if (!(payload instanceof Uint8Array)) return JSON.stringify([joinRef, ref, topic, event, payload])
  return encodeBinary(KIND_PUSH, { joinRef, ref, topic, event }, payload)
}

/** Decode a frame of either side, of any version. @throws SyntaxError when its text is not JSON. */
export function decodeFrame(data: string | Uint8Array, from: Direction): WireMessage {
  if (typeof data !== 'string') return decodeBinary(data, from)
  const frame: unknown = JSON.parse(data)
  if (Array.isArray(frame)) {
    const [joinRef, ref, topic, event, payload] = frame
    return { joinRef, ref, topic, event, payload }
  }
  // Frames of the server in version 1 have no join_ref.
  const { join_ref: joinRef = null, ref, topic, event, payload }: Record<string, unknown> = Object(frame)
  return { joinRef, ref, topic, event, payload }
}

const decoder = new TextDecoder()

function decodeBinary(bytes: Uint8Array, from: Direction): WireMessage {
  const kind = bytes[0]
  const count = from === 'client' || kind === KIND_REPLY ? 4 : kind === KIND_PUSH ? 3 : 2
  const fields: string[] = []
  let at = 1 + count
  for (const length of bytes.subarray(1, 1 + count)) {
    fields.push(decoder.decode(bytes.subarray(at, at + length)))
    at += length
  }
  const payload = bytes.slice(at)
  const [one = '', two = '', three = '', four = ''] = fields
  if (from === 'client') return { joinRef: one || null, ref: two || null, topic: three, event: four, payload }
  if (kind === KIND_REPLY) {
    const reply = { status: four, response: payload }
    return { joinRef: one || null, ref: two, topic: three, event: PHX_REPLY, payload: reply }
  }
  if (kind === KIND_PUSH) return { joinRef: one || null, ref: null, topic: two, event: three, payload }
  return { joinRef: null, ref: null, topic: one, event: two, payload }
}
