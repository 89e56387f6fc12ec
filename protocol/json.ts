import { ProtocolError } from './errors.ts'
import { hasLoneSurrogateEscape, isDeeperThan } from './json-text.ts'
import type { Message, Reply } from './message.ts'
import { checkUnicode, checkValue } from './payload.ts'
import { shown } from './shown.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Maximum depth of arrays and objects in a frame, including the frame itself. */
const MAX_FRAME_DEPTH = 1_024
const MAX_ENVELOPE_DEPTH = 4
const MAX_REF_LENGTH = 1_024

/**
 * Parse a frame's JSON, from text or from bytes (FRAME-2).
 * @throws ProtocolError when the data is not JSON, contains a lone surrogate, or nests too deep (FRAME-7).
 */
export function parseFrame(data: string | Uint8Array): unknown {
  try {
    const text = typeof data === 'string' ? data : utf8.decode(data)
    if (isDeeperThan(text, MAX_FRAME_DEPTH)) throw tooDeep()
    const value: unknown = JSON.parse(text)
    if (text.isWellFormed() && !hasLoneSurrogateEscape(text)) return value
    throw new SyntaxError('JSON text must not contain a lone surrogate')
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause
    throw new ProtocolError('PHX_ERR_FRAME_NOT_JSON', 'the frame is not JSON', { cause })
  }
}

function tooDeep(): ProtocolError {
  return new ProtocolError('PHX_ERR_FRAME_SHAPE', `a frame must nest at most ${MAX_FRAME_DEPTH} levels deep`)
}

/**
 * Check the refs, topic and event of a message (FRAME-7), and return the message.
 * @throws ProtocolError when refs, topic or event nest too deep, or when a ref is too long.
 */
export function checkEnvelope(message: Message): Message {
  const { joinRef, ref, topic, event } = message
  if (!isShallow(joinRef) || !isShallow(ref) || !isShallow(topic) || !isShallow(event)) {
    throw new ProtocolError(
      'PHX_ERR_FRAME_SHAPE',
      `an array or object given as a ref, topic or event must not nest more than ${MAX_ENVELOPE_DEPTH} levels deep`,
    )
  }
  if (isShort(joinRef) && isShort(ref)) return message
  throw new ProtocolError(
    'PHX_ERR_FRAME_SHAPE',
    `the refs of a frame must have at most ${MAX_REF_LENGTH} characters each`,
  )
}

function isShallow(value: unknown, levels = MAX_ENVELOPE_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((item) => isShallow(item, levels - 1))
}

function isShort(ref: unknown): boolean {
  if (typeof ref === 'string') return ref.length <= MAX_REF_LENGTH
  return typeof ref !== 'object' || ref === null || encodeValue(ref).length <= MAX_REF_LENGTH
}

/**
 * Encode any value as JSON text. A value without a JSON form, such as undefined, becomes null.
 * @throws ProtocolError for a cycle, a bigint, too many levels, a `toJSON` that throws, and a lone surrogate.
 */
export function encodeValue(value: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', 'the payload cannot be encoded as JSON', { cause })
  }
  if (json === undefined) return 'null'
  checkUnicode(json)
  return json
}

/**
 * Encode a value of the application as JSON text.
 * @throws ProtocolError for the same values as `encodeValue`, and for a value whose content JSON.stringify leaves out,
 * such as a Map.
 */
export function encodeJson(value: unknown): string {
  const json = encodeValue(value)
  checkValue(value, json)
  return json
}

/**
 * Encode the payload of a push or broadcast as JSON text.
 * @throws ProtocolError when the payload is not an object (FRAME-6).
 */
export function encodePayload(payload: unknown): string {
  const json = encodeJson(payload)
  if (json.charCodeAt(0) !== 0x7b) {
    const given = payload === undefined ? 'undefined' : shown(JSON.parse(json))
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `a payload must be a JSON object or bytes (got ${given})`)
  }
  return json
}

/** Payload of a reply. An undefined response becomes null. */
export function replyPayload({ status, response }: Reply): object {
  return { response: response ?? null, status }
}
