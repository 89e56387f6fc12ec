import { ProtocolError } from './errors.ts'
import { Message } from './message.ts'
import { notUnicode } from './payload.ts'

// Layouts of binary frames, which differ between client and server (BINARY-2 to BINARY-5):
//   client push   0 | join_ref ref topic event | data        server push       0 | join_ref topic event | data
//   server reply  1 | join_ref ref topic status | data       server broadcast  2 | topic event | data
// The first byte is the kind. Then come one length byte per field (length in UTF-8 bytes), the fields, and the data.

export const KIND_PUSH = 0
export const KIND_REPLY = 1
export const KIND_BROADCAST = 2

const MAX_FIELD_BYTES = 255
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decode a client's push. The payload is copied, because the bytes belong to the transport (BINARY-2). */
export function decodePush(bytes: Uint8Array): Message {
  if (bytes.length < 5) throw truncated(bytes)
  if (bytes[0] !== KIND_PUSH) {
    throw new ProtocolError(
      'PHX_ERR_FRAME_KIND',
      `the first byte of a client's binary frame must be 0 (got ${bytes[0]})`,
    )
  }
  // The casts are safe: the length check above ensures that bytes 1 to 4 exist.
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

/** Encode a frame. `fields` must be in the order of the frame's layout; null becomes an empty field. */
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

/** @throws ProtocolError when a field cannot be encoded in a binary frame (BINARY-4). */
export function checkFields(fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) encodeField(name, value)
}

function encodeField(name: string, value: unknown): Uint8Array {
  if (value !== null && typeof value !== 'string') {
    throw new ProtocolError(
      'PHX_ERR_PAYLOAD_TYPE',
      `${name} of a binary frame must be a string (got ${typeof value})`,
    )
  }
  if (value !== null && !value.isWellFormed()) throw notUnicode(name)
  const field = encoder.encode(value ?? '')
  if (field.length > MAX_FIELD_BYTES) {
    throw new ProtocolError(
      'PHX_ERR_FIELD_TOO_LONG',
      `${name} of a binary frame must have at most ${MAX_FIELD_BYTES} bytes (got ${field.length}: ${value})`,
    )
  }
  return field
}

function decodeField(bytes: Uint8Array, start: number, end: number): string {
  try {
    return decoder.decode(bytes.subarray(start, end))
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_FRAME_SHAPE', 'a field of a binary frame must be UTF-8', { cause })
  }
}

function truncated(bytes: Uint8Array): ProtocolError {
  return new ProtocolError(
    'PHX_ERR_FRAME_TRUNCATED',
    `the binary frame is truncated (got ${bytes.length} bytes)`,
  )
}
