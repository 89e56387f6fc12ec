import { ProtocolError } from './errors.ts'
import type { Message, Reply } from './message.ts'
import { checkUnicode, checkValue } from './payload.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const MAYBE_SURROGATE = /\\u[dD][89a-fA-F]/
const MAX_ENVELOPE_DEPTH = 4

/**
 * Parse a frame's JSON, from text or from bytes (FRAME-2).
 * @throws ProtocolError when it is not JSON, or has half of a surrogate pair.
 */
export function parseFrame(data: string | Uint8Array): unknown {
  try {
    const text = typeof data === 'string' ? data : utf8.decode(data)
    const isPlain = text.isWellFormed() && !MAYBE_SURROGATE.test(text)
    return isPlain ? JSON.parse(text) : JSON.parse(text, refuseLoneSurrogates)
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_FRAME_NOT_JSON', 'the frame is not JSON', { cause })
  }
}

function refuseLoneSurrogates(key: string, value: unknown): unknown {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) {
    throw new SyntaxError('a lone surrogate is not text')
  }
  return value
}

/**
 * Return the message if a reply can repeat its refs and topic: JSON of any depth can be read, but only
 * some thousand levels can be written (FRAME-7). @throws ProtocolError when they nest deeper.
 */
export function checkEnvelope(message: Message): Message {
  const { joinRef, ref, topic, event } = message
  if (isShallow(joinRef) && isShallow(ref) && isShallow(topic) && isShallow(event)) return message
  throw new ProtocolError(
    'PHX_ERR_FRAME_SHAPE',
    `refs, topic and event of a frame nest at most ${MAX_ENVELOPE_DEPTH} levels deep`,
  )
}

function isShallow(value: unknown, levels = MAX_ENVELOPE_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((item) => isShallow(item, levels - 1))
}

/**
 * The JSON text of any value; what JSON does not know is null.
 * @throws ProtocolError when there is none: a cycle, a bigint, too deep, a `toJSON` that throws, a text that
 * is not Unicode.
 */
export function encodeValue(value: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', 'the value cannot be written as JSON', { cause })
  }
  if (json === undefined) return 'null'
  checkUnicode(json)
  return json
}

/** The same for a value of the application. @throws ProtocolError also for a value that JSON would lose. */
export function encodeJson(value: unknown): string {
  const json = encodeValue(value)
  checkValue(value, json)
  return json
}

/**
 * The JSON text of a push's or broadcast's payload.
 * @throws ProtocolError when it is not an object (FRAME-6).
 */
export function encodePayload(payload: unknown): string {
  const json = encodeJson(payload)
  if (json.charCodeAt(0) !== 0x7b) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `a payload is a JSON object, not ${json.slice(0, 40)}`)
  }
  return json
}

/** What a reply carries; a response that is undefined is null. */
export function replyPayload({ status, response }: Reply): object {
  return { response: response ?? null, status }
}
