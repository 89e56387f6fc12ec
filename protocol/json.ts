import { ProtocolError } from './errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })
const MAYBE_SURROGATE = /\\u[dD][89a-fA-F]/

/**
 * Parse a frame's JSON, from text or from bytes (FRAME-2).
 * @throws ProtocolError when it is not JSON, or escapes half of a surrogate pair.
 */
export function parseFrame(data: string | Uint8Array): unknown {
  try {
    const text = typeof data === 'string' ? data : utf8.decode(data)
    return MAYBE_SURROGATE.test(text) ? JSON.parse(text, refuseLoneSurrogates) : JSON.parse(text)
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
 * The JSON text of a push's or broadcast's payload.
 * @throws ProtocolError when it is not an object (FRAME-6).
 */
export function encodePayload(payload: unknown): string {
  const json: string | undefined = JSON.stringify(payload)
  if (json === undefined || json.charCodeAt(0) !== 0x7b) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `a payload is a JSON object, not ${json}`)
  }
  return json
}

/** The JSON text of a reply's payload: `{"response":…,"status":…}`, any JSON value as response. */
export function encodeReply(status: string, response: unknown): string {
  return `{"response":${JSON.stringify(response) ?? 'null'},"status":${JSON.stringify(status)}}`
}
