import { ProtocolError } from './errors.ts'

/**
 * Maximum length of JSON text, in characters, for which `checkValue` also checks the nested values. For longer text,
 * `checkValue` checks only the outermost value, to save time.
 */
const MAX_CHECKED_LENGTH = 512
/**
 * Lone surrogate in the output of JSON.stringify, such as `\ud83d`. Does not match `\\ud83d`, an escaped backslash
 * before plain text.
 */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/
/** Types whose content JSON.stringify leaves out or changes: a Map becomes `{}`, nested bytes an object of numbers. */
const LOST_TYPES =
  /^\[object (Blob|Error|File|Map|Promise|Set|Weak\w+|\w*ArrayBuffer|DataView|\w+\d\w*Array)\]$/

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
 * Check that JSON.stringify, which encoded `value` as `json`, has not silently lost `value` or, if `json` has at most
 * `MAX_CHECKED_LENGTH` characters, a nested value.
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
  const place = fault.path === '' ? 'it' : `the value at ${fault.path}`
  throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `the payload cannot be sent: ${place} is ${fault.what}`)
}

/**
 * @throws ProtocolError when `json`, the output of JSON.stringify, has a lone surrogate, which is not valid Unicode
 * (FRAME-2).
 */
export function checkUnicode(json: string): void {
  if (json.includes('\\ud') && LONE_SURROGATE.test(json)) throw notUnicode('all text in a message')
}

/** Error for text with a lone surrogate. */
export function notUnicode(what: string): ProtocolError {
  return new ProtocolError(
    'PHX_ERR_PAYLOAD_TYPE',
    `${what} must be well-formed Unicode (got a lone surrogate)`,
  )
}

/** Find the first value that JSON.stringify would lose, such as a Map. Null if there is none. */
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
  // An object without own properties usually has private state, which JSON.stringify loses.
  const isLost = Object.keys(value).length === 0 && JSON.stringify(value) === '{}'
  return isLost
    ? { path, what: `an instance of ${value.constructor.name} without public fields`, value }
    : null
}

function lostTypeName(tag: string): string {
  if (tag === 'Promise') return 'a Promise (is an await missing?)'
  return /^[AEI]/.test(tag) ? `an ${tag}` : `a ${tag}`
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
