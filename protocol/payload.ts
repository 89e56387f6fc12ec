import { ProtocolError } from './errors.ts'

/**
 * Maximum length, in characters, of JSON text whose nested values `checkValue` checks. For longer text, `checkValue`
 * checks only the outermost value, so that the check takes less than 1 % of the time to echo a message.
 */
const MAX_CHECKED_LENGTH = 512
/**
 * Escape of a lone surrogate in the output of JSON.stringify. The number of backslashes before the escape must be even:
 * JSON.stringify doubles each backslash of the text, so an odd number means that the escape itself is text.
 */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/
/**
 * Types whose content JSON.stringify loses. JSON.stringify writes only properties that were added to the object, so
 * the result is usually `{}`.
 */
const LOST_TYPES = /^\[object (Blob|Error|File|Map|Promise|Set|Weak\w+)\]$/

/** Value that cannot be sent, its path (a JSON pointer), and a description. */
export type PayloadFault = { readonly path: string; readonly what: string; readonly value: unknown }

/**
 * Bytes of a buffer or a view, without a copy; null for any other value.
 * @throws ProtocolError when the value cannot be read: a revoked proxy, or a view of a detached buffer.
 */
export function bytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== 'object' || value === null) return null
  try {
    // Fast path: most payloads are object literals.
    if (Object.getPrototypeOf(value) === Object.prototype) return null
    if (value instanceof Uint8Array) return value
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return isBuffer(value) ? new Uint8Array(value) : null
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', 'the payload cannot be read', { cause })
  }
}

/**
 * Check that JSON.stringify, which encoded `value` as `json`, has not silently lost `value` or a nested value.
 * @throws ProtocolError with the path of the lost value.
 */
export function checkValue(value: unknown, json: string): void {
  let fault: PayloadFault | null
  try {
    fault = json.length <= MAX_CHECKED_LENGTH ? findFault(value) : payloadFault(value, '')
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', 'the payload cannot be read', { cause })
  }
  if (fault === null) return
  // The rejection of a promise that was sent by mistake must not end the process.
  if (fault.value instanceof Promise) fault.value.catch(() => {})
  const place = fault.path === '' ? 'the payload' : fault.path
  throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `${place} is ${fault.what}, which cannot be sent`)
}

/**
 * @throws ProtocolError when `json`, the output of JSON.stringify, has a lone surrogate, which is not valid Unicode
 * (FRAME-2).
 */
export function checkUnicode(json: string): void {
  if (json.includes('\\ud') && LONE_SURROGATE.test(json)) throw notUnicode('text')
}

/** Error for text with a lone surrogate. */
export function notUnicode(what: string): ProtocolError {
  return new ProtocolError(
    'PHX_ERR_PAYLOAD_TYPE',
    `${what} must be well-formed Unicode (got a lone surrogate)`,
  )
}

/** First value, in the order of the JSON text, that JSON.stringify loses; null if JSON.stringify loses nothing. */
export function findFault(value: unknown, path = ''): PayloadFault | null {
  const fault = payloadFault(value, path)
  if (fault !== null || typeof value !== 'object' || value === null) return fault
  if (hasOwnForm(value)) return null
  for (const key of Object.keys(value)) {
    const nested: unknown = value[key as keyof typeof value]
    // Fast path: strings and numbers need neither a check nor a JSON pointer.
    const isSimple = typeof nested === 'string' || typeof nested === 'number'
    const found = isSimple ? null : findFault(nested, `${path}/${key}`)
    if (found !== null) return found
  }
  return null
}

function payloadFault(value: unknown, path: string): PayloadFault | null {
  if (typeof value === 'function' || typeof value === 'symbol') {
    return { path, what: `a ${typeof value}`, value }
  }
  if (typeof value !== 'object' || value === null || isPlainData(value) || hasOwnForm(value)) return null
  const tag = LOST_TYPES.exec(Object.prototype.toString.call(value))?.[1]
  if (tag !== undefined) return { path, what: lostTypeName(tag), value }
  // An object without own properties keeps its state in private fields, in getters of its class, or in the runtime.
  // JSON.stringify loses this state.
  const isLost = Object.keys(value).length === 0 && JSON.stringify(value) === '{}'
  return isLost
    ? { path, what: `an object of the class ${value.constructor.name} without fields`, value }
    : null
}

function lostTypeName(tag: string): string {
  if (tag === 'Promise') return 'a Promise (is an await missing?)'
  return tag === 'Error' ? 'an Error' : `a ${tag}`
}

/** Whether a value is an array or an object literal, possibly of another realm or without a prototype. */
function isPlainData(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null || Array.isArray(value)
}

/** Whether a value has a `toJSON` method, as dates do. */
function hasOwnForm(value: object): boolean {
  return 'toJSON' in value && typeof value.toJSON === 'function'
}

function isBuffer(value: object): value is ArrayBuffer {
  if (value instanceof ArrayBuffer) return true
  // `SharedArrayBuffer` is undefined in web pages that are not cross-origin isolated.
  return typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer
}
