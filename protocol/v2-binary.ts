import { ProtocolError } from './errors.ts'
import { Message } from './message.ts'
import { notUnicode } from './payload.ts'

// The layouts are not symmetric (BINARY-2 to BINARY-5):
//   client push   0 | join_ref ref topic event | data        server push       0 | join_ref topic event | data
//   server reply  1 | join_ref ref topic status | data       server broadcast  2 | topic event | data
// Each field's length, in bytes of UTF-8, stands in one byte before the fields.

export const KIND_PUSH = 0
export const KIND_REPLY = 1
export const KIND_BROADCAST = 2

const MAX_FIELD_BYTES = 255
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Read a client's push; the payload is a copy, because the bytes belong to the transport (BINARY-2). */
export function decodePush(bytes: Uint8Array): Message {
  if (bytes.length < 5) throw truncated(bytes)
  if (bytes[0] !== KIND_PUSH) {
    throw new ProtocolError('PHX_ERR_FRAME_KIND', `a client sends binary frames of kind 0, not ${bytes[0]}`)
  }
  // The length check above is what makes these four a number.
  const joinRefEnd = 5 + (bytes[1] as number)
  const refEnd = joinRefEnd + (bytes[2] as number)
  const topicEnd = refEnd + (bytes[3] as number)
  const eventEnd = topicEnd + (bytes[4] as number)
  if (eventEnd > bytes.length) throw truncated(bytes)
  return new Message(
    decodeField(bytes, 5, joinRefEnd),
    decodeField(bytes, joinRefEnd, refEnd),
    decodeField(bytes, refEnd, topicEnd),
    decodeField(bytes, topicEnd, eventEnd),
    new Uint8Array(bytes.subarray(eventEnd)),
  )
}

/** Write a frame whose fields are given in their order on the wire; null is written as empty. */
export function encodeBinary(kind: number, fields: Record<string, unknown>, data: Uint8Array): Uint8Array {
  const encoded = Object.entries(fields).map(([name, value]) => encodeField(name, value))
  let at = 1 + encoded.length
  const bytes = new Uint8Array(encoded.reduce((sum, field) => sum + field.length, at + data.length))
  bytes[0] = kind
  encoded.forEach((field, index) => {
    bytes[1 + index] = field.length
    bytes.set(field, at)
    at += field.length
  })
  bytes.set(data, at)
  return bytes
}

/** @throws ProtocolError when one of the fields cannot stand in a binary frame (BINARY-4). */
export function checkFields(fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) encodeField(name, value)
}

function encodeField(name: string, value: unknown): Uint8Array {
  if (value !== null && typeof value !== 'string') {
    throw new ProtocolError(
      'PHX_ERR_PAYLOAD_TYPE',
      `${name} of a binary frame is a string, not ${typeof value}`,
    )
  }
  if (value !== null && !value.isWellFormed()) throw notUnicode(name)
  const field = encoder.encode(value ?? '')
  if (field.length > MAX_FIELD_BYTES) {
    throw new ProtocolError(
      'PHX_ERR_FIELD_TOO_LONG',
      `${name} of a binary frame has at most ${MAX_FIELD_BYTES} bytes, not ${field.length}: ${value}`,
    )
  }
  return field
}

function decodeField(bytes: Uint8Array, start: number, end: number): string {
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_FRAME_SHAPE', 'a field of the binary frame is not UTF-8', { cause })
  }
}

function truncated(bytes: Uint8Array): ProtocolError {
  return new ProtocolError('PHX_ERR_FRAME_TRUNCATED', `the binary frame ends after ${bytes.length} bytes`)
}
