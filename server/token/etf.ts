import { isUtf8 } from 'node:buffer'
import { inflateSync } from 'node:zlib'
import { shown } from '../../protocol/shown.ts'
import { UsageError } from '../errors.ts'

// Erlang's external term format, limited to data. The tags of processes, ports, references and functions are left out
// on purpose, so that a token cannot contain them.
const VERSION = 131
const COMPRESSED = 80
const FLOAT = 70
const SMALL_INTEGER = 97
const INTEGER = 98
const SMALL_BIG = 110
const LARGE_BIG = 111
const ATOM_LATIN1 = 100
const SMALL_ATOM_LATIN1 = 115
const ATOM_UTF8 = 118
const SMALL_ATOM_UTF8 = 119
const SMALL_TUPLE = 104
const LARGE_TUPLE = 105
const EMPTY_LIST = 106
const BYTE_LIST = 107
const LIST = 108
const BINARY = 109
const MAP = 116

const MAX_DEPTH = 64
const MAX_INFLATED_BYTES = 1_048_576
const MAX_BYTE_LIST = 65_535

// `ignoreBOM` keeps a byte order mark as data.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Value that is encoded as an Erlang atom. Atoms are decoded to their names, except `true`, `false` and `nil`, which
 * are decoded to true, false and null.
 */
export class Atom {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** Value that is encoded as an Erlang tuple. Erlang tuples are decoded to arrays, not to this class. */
export class Tuple {
  readonly elements: readonly unknown[]

  constructor(elements: readonly unknown[]) {
    this.elements = elements
  }
}

/**
 * Encode a value: any JSON value, bigint, Uint8Array, {@link Atom} and {@link Tuple}.
 * @throws UsageError for other values, or nesting deeper than 64.
 */
export function encodeTerm(value: unknown): Uint8Array {
  const out: Uint8Array[] = [Uint8Array.of(VERSION)]
  writeTerm(out, value, 0)
  return Buffer.concat(out)
}

/** Decode bytes. Returns undefined when they are not exactly one term of plain data. */
export function decodeTerm(bytes: Uint8Array): unknown {
  try {
    const outer = new Reader(bytes)
    if (outer.uint(1) !== VERSION) return undefined
    const reader = bytes[1] === COMPRESSED ? inflate(outer) : outer
    const term = readTerm(reader, 0)
    return reader.isAtEnd() ? term : undefined
  } catch {
    return undefined
  }
}

function writeTerm(out: Uint8Array[], value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw invalidData('deeper nesting')
  if (value === null) writeAtom(out, 'nil')
  else if (typeof value === 'boolean') writeAtom(out, String(value))
  else if (typeof value === 'string') writeText(out, value)
  else if (typeof value === 'bigint') writeInteger(out, value)
  else if (typeof value === 'number') writeNumber(out, value)
  else if (value instanceof Uint8Array) out.push(header(BINARY, value.length), value)
  else if (Array.isArray(value)) writeList(out, value, depth)
  else if (value instanceof Atom) writeAtom(out, value.name)
  else if (value instanceof Tuple) writeTuple(out, value.elements, depth)
  else if (typeof value === 'object' && isPlain(value)) writeMap(out, value, depth)
  else throw invalidData(typeof value === 'object' ? className(value) : shown(value))
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function className(value: object): string {
  const name = value.constructor?.name
  if (name === 'Object') return 'an object whose prototype is not Object.prototype'
  return name ? `an object of the class ${name}` : 'an object of a nameless class'
}

function writeAtom(out: Uint8Array[], name: string): void {
  const bytes = Buffer.from(name)
  if (bytes.length > 255) throw new RangeError('an atom has at most 255 bytes')
  out.push(Uint8Array.of(SMALL_ATOM_UTF8, bytes.length), bytes)
}

function writeText(out: Uint8Array[], text: string): void {
  if (!text.isWellFormed()) throw invalidData('a string with a lone surrogate')
  const bytes = Buffer.from(text)
  out.push(header(BINARY, bytes.length), bytes)
}

function writeNumber(out: Uint8Array[], value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writeInteger(out, BigInt(value))
  } else {
    if (!Number.isFinite(value)) throw invalidData(String(value))
    const bytes = Buffer.alloc(9, FLOAT)
    bytes.writeDoubleBE(value, 1)
    out.push(bytes)
  }
}

function writeInteger(out: Uint8Array[], value: bigint): void {
  if (value >= 0n && value <= 255n) {
    out.push(Uint8Array.of(SMALL_INTEGER, Number(value)))
  } else if (BigInt.asIntN(32, value) === value) {
    out.push(header(INTEGER, Number(BigInt.asUintN(32, value))))
  } else {
    const hex = (value < 0n ? -value : value).toString(16)
    const magnitude = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').reverse()
    if (magnitude.length > 255) throw invalidData(`a bigint of ${magnitude.length} bytes`)
    out.push(Uint8Array.of(SMALL_BIG, magnitude.length, value < 0n ? 1 : 0), magnitude)
  }
}

function writeList(out: Uint8Array[], list: readonly unknown[], depth: number): void {
  if (isByteList(list)) {
    out.push(Uint8Array.of(BYTE_LIST, list.length >> 8, list.length & 255), Uint8Array.from(list))
    return
  }
  if (list.length > 0) out.push(header(LIST, list.length))
  for (const element of list) writeTerm(out, element, depth + 1)
  out.push(Uint8Array.of(EMPTY_LIST))
}

// Returns true if Erlang would encode a list as bytes, because all elements are small integers.
function isByteList(list: readonly unknown[]): list is readonly number[] {
  if (list.length === 0 || list.length > MAX_BYTE_LIST) return false
  for (const element of list) {
    if (typeof element !== 'number' || (element & 255) !== element || Object.is(element, -0)) return false
  }
  return true
}

function writeTuple(out: Uint8Array[], elements: readonly unknown[], depth: number): void {
  if (elements.length > 255) throw new RangeError('a tuple has at most 255 elements')
  out.push(Uint8Array.of(SMALL_TUPLE, elements.length))
  for (const element of elements) writeTerm(out, element, depth + 1)
}

function writeMap(out: Uint8Array[], map: object, depth: number): void {
  const entries = Object.entries(map)
  out.push(header(MAP, entries.length))
  for (const [key, value] of entries) {
    writeText(out, key)
    writeTerm(out, value, depth + 1)
  }
}

function header(tag: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(5, tag)
  bytes.writeUInt32BE(length, 1)
  return bytes
}

// The message says `MAX_DEPTH - 1`, because the tuple around the token data takes one level.
function invalidData(what: string): UsageError {
  return new UsageError(
    'PHX_ERR_OPTION',
    `token data can contain only null, booleans, finite numbers, bigints of at most 255 bytes, well-formed strings, Uint8Arrays, and at most ${MAX_DEPTH - 1} levels of arrays and plain objects (found ${what})`,
  )
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at)
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('the term is truncated')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  uint(size: 1 | 2 | 4): number {
    return this.take(size).readUIntBE(0, size)
  }
}

// Limit the inflated size before decoding, so that a small token cannot become a large value.
function inflate(outer: Reader): Reader {
  outer.take(1)
  const size = outer.uint(4)
  if (size > MAX_INFLATED_BYTES) throw new RangeError('the compressed term exceeds the size limit')
  const term = inflateSync(outer.rest(), { maxOutputLength: size })
  if (term.length !== size) throw new RangeError('the compressed term is truncated')
  return new Reader(term)
}

function readTerm(from: Reader, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new RangeError('the term is nested too deeply')
  const tag = from.uint(1)
  switch (tag) {
    case SMALL_INTEGER:
      return from.uint(1)
    case INTEGER:
      return from.take(4).readInt32BE()
    case SMALL_BIG:
      return readBig(from, from.uint(1))
    case LARGE_BIG:
      return readBig(from, from.uint(4))
    case FLOAT:
      return from.take(8).readDoubleBE()
    case BINARY:
      return readBinary(from.take(from.uint(4)))
    case ATOM_LATIN1:
      return atomValue(from.take(from.uint(2)).toString('latin1'))
    case SMALL_ATOM_LATIN1:
      return atomValue(from.take(from.uint(1)).toString('latin1'))
    case ATOM_UTF8:
      return atomValue(utf8.decode(from.take(from.uint(2))))
    case SMALL_ATOM_UTF8:
      return atomValue(utf8.decode(from.take(from.uint(1))))
    case EMPTY_LIST:
      return []
    case BYTE_LIST:
      return [...from.take(from.uint(2))]
    case LIST:
      return readList(from, depth)
    case SMALL_TUPLE:
      return readElements(from, from.uint(1), depth)
    case LARGE_TUPLE:
      return readElements(from, from.uint(4), depth)
    case MAP:
      return readMap(from, depth)
    default:
      throw new TypeError(`tag ${tag} is not supported`)
  }
}

function readBig(from: Reader, size: number): number | bigint {
  const isNegative = from.uint(1) === 1
  const magnitude = BigInt(`0x${Buffer.from(from.take(size)).reverse().toString('hex')}`)
  const value = isNegative ? -magnitude : magnitude
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function readBinary(bytes: Buffer): string | Uint8Array {
  // Copy the bytes, because `bytes` is only a view into the buffer of the whole token.
  return isUtf8(bytes) ? utf8.decode(bytes) : new Uint8Array(bytes)
}

function atomValue(name: string): string | boolean | null {
  if (name === 'nil') return null
  return name === 'true' || name === 'false' ? name === 'true' : name
}

function readElements(from: Reader, length: number, depth: number): unknown[] {
  const elements: unknown[] = []
  for (let index = 0; index < length; index++) elements.push(readTerm(from, depth + 1))
  return elements
}

function readList(from: Reader, depth: number): unknown[] {
  const elements = readElements(from, from.uint(4), depth)
  if (from.uint(1) !== EMPTY_LIST) throw new TypeError('improper lists are not supported')
  return elements
}

function readMap(from: Reader, depth: number): Record<string, unknown> {
  const size = from.uint(4)
  // Create the map without a prototype, so that `__proto__` is an ordinary key.
  const map: Record<string, unknown> = Object.create(null)
  for (let index = 0; index < size; index++) map[readKey(from, depth + 1)] = readTerm(from, depth + 1)
  return map
}

function readKey(from: Reader, depth: number): string {
  const key = readTerm(from, depth)
  if (key === null) return 'nil'
  if (typeof key === 'object') throw new TypeError('the key of a map must be an atom, a string or a number')
  return String(key)
}
