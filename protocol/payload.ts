import { ProtocolError } from './errors.ts'

/**
 * Nested values are looked at in texts of up to this many characters, where that takes less than a
 * hundredth of what an echo takes. `findFault` looks at any value.
 */
const MAX_CHECKED_LENGTH = 512
/** JSON.stringify writes half of a pair as an escape, and a backslash of the text itself as two. */
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/
/** Types that JSON writes as `{}`, or as an object of whatever fields were added to them. */
const LOST_TYPES = /^\[object (Blob|Error|File|Map|Promise|Set|Weak\w+)\]$/

/** A value that cannot be sent, where it is (a JSON pointer) and what it is. */
export type Fault = { readonly path: string; readonly what: string; readonly value: unknown }

/**
 * The bytes of a buffer or of any view, in place; null for anything else.
 * @throws ProtocolError when the value cannot be asked: a revoked proxy, a view of a buffer that was moved.
 */
export function bytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== 'object' || value === null) return null
  try {
    // Most payloads are object literals: one comparison tells.
    if (Object.getPrototypeOf(value) === Object.prototype) return null
    if (value instanceof Uint8Array) return value
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return isBuffer(value) ? new Uint8Array(value) : null
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', 'the payload cannot be read', { cause })
  }
}

/**
 * Check what JSON.stringify would lose without a word: a value that is now `json`, or a part of it.
 * @throws ProtocolError which names the place.
 */
export function checkValue(value: unknown, json: string): void {
  let fault: Fault | null
  try {
    fault = json.length <= MAX_CHECKED_LENGTH ? findFault(value) : faultOf(value, '')
  } catch (cause) {
    throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', 'the payload cannot be read', { cause })
  }
  if (fault === null) return
  // A promise that was sent by mistake is nobody else's: its rejection must not end the process.
  if (fault.value instanceof Promise) fault.value.catch(() => {})
  const place = fault.path === '' ? 'the payload' : fault.path
  throw new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `${place} is ${fault.what}, which cannot be sent`)
}

/** @throws ProtocolError when this JSON has half of a surrogate pair, which is not Unicode (FRAME-2). */
export function checkUnicode(json: string): void {
  if (json.includes('\\ud') && LONE_SURROGATE.test(json)) throw notUnicode('a text')
}

/** The error for a text that has half of a surrogate pair. */
export function notUnicode(what: string): ProtocolError {
  return new ProtocolError('PHX_ERR_PAYLOAD_TYPE', `${what} has half of a surrogate pair: it is not Unicode`)
}

/** The first value, in the order of the JSON text, that JSON.stringify loses; null if there is none. */
export function findFault(value: unknown, path = ''): Fault | null {
  const fault = faultOf(value, path)
  if (fault !== null || typeof value !== 'object' || value === null) return fault
  if (hasOwnForm(value)) return null
  for (const key of Object.keys(value)) {
    const nested: unknown = value[key as keyof typeof value]
    // Most values are texts and numbers: no path is made for those.
    const isSimple = typeof nested === 'string' || typeof nested === 'number'
    const found = isSimple ? null : findFault(nested, `${path}/${key}`)
    if (found !== null) return found
  }
  return null
}

function faultOf(value: unknown, path: string): Fault | null {
  if (typeof value === 'function' || typeof value === 'symbol') {
    return { path, what: `a ${typeof value}`, value }
  }
  if (typeof value !== 'object' || value === null || isPlain(value) || hasOwnForm(value)) return null
  const tag = LOST_TYPES.exec(Object.prototype.toString.call(value))?.[1]
  if (tag !== undefined) return { path, what: nameOf(tag), value }
  // Its state is in no field of its own: in private fields, in getters of its class, or in the runtime.
  const isLost = Object.keys(value).length === 0 && JSON.stringify(value) === '{}'
  return isLost
    ? { path, what: `an object of the class ${value.constructor.name} without fields`, value }
    : null
}

function nameOf(tag: string): string {
  if (tag === 'Promise') return 'a Promise (is an await missing?)'
  return tag === 'Error' ? 'an Error' : `a ${tag}`
}

/** An object literal, or one of another realm or without a prototype, or an array. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null || Array.isArray(value)
}

/** It says itself how it is written, as dates do. */
function hasOwnForm(value: object): boolean {
  return 'toJSON' in value && typeof value.toJSON === 'function'
}

function isBuffer(value: object): value is ArrayBuffer {
  if (value instanceof ArrayBuffer) return true
  // Pages that are not isolated have none.
  return typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer
}
