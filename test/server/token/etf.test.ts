import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import { Atom, decodeTerm, encodeTerm, Tuple } from '../../../server/token/etf.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const hex = (value: unknown) => Buffer.from(encodeTerm(value)).toString('hex')
const decode = (text: string) => decodeTerm(bytes(text))

// Output of Erlang's term_to_binary, and the value that it encodes here.
const both: [title: string, hex: string, value: unknown][] = [
  ['a small integer', '83 61 2a', 42],
  ['an integer', '83 62 000003e8', 1000],
  ['a negative integer', '83 62 ffffffff', -1],
  ['the largest 32 bits', '83 62 7fffffff', 2_147_483_647],
  ['the smallest 32 bits', '83 62 80000000', -2_147_483_648],
  ['an integer above 32 bits', '83 6e 04 00 00000080', 2_147_483_648],
  ['milliseconds since 1970', '83 6e 06 00 0068e5cf8b01', 1_700_000_000_000],
  ['a negative big integer', '83 6e 04 01 01000080', -2_147_483_649],
  ['an integer that no number holds', '83 6e 07 00 01000000000020', 2n ** 53n + 1n],
  ['a float', '83 46 3ff8000000000000', 1.5],
  ['a float without a fraction', '83 46 7e37e43c8800759c', 1e300],
  ['minus zero', '83 46 8000000000000000', -0],
  ['a string', '83 6d 00000002 7531', 'u1'],
  ['a string of several scripts', '83 6d 00000006 c3a9 f09f9880', 'é😀'],
  ['bytes that are not UTF-8', '83 6d 00000002 fbff', Uint8Array.of(0xfb, 0xff)],
  ['true', '83 77 04 74727565', true],
  ['false', '83 77 05 66616c7365', false],
  ['nil', '83 77 03 6e696c', null],
  ['an empty list', '83 6a', []],
  ['a list of bytes', '83 6b 0002 0102', [1, 2]],
  ['a list', '83 6c 00000002 61 01 6d 00000001 61 6a', [1, 'a']],
  ['an empty map', '83 74 00000000', {}],
  ['a map', '83 74 00000001 6d 00000001 61 6b 0001 02', { a: [2] }],
]

test.each(both)('writes %s like Erlang', (_title, text, value) => {
  expect(hex(value)).toBe(text.replaceAll(' ', ''))
})

test.each(both)('reads %s', (_title, text, value) => {
  expect(decode(text)).toEqual(value)
})

test.each<[title: string, hex: string, value: unknown]>([
  ['a Latin-1 atom', '83 64 0002 e96a', 'éj'],
  ['a short Latin-1 atom', '83 73 02 e96a', 'éj'],
  ['a UTF-8 atom', '83 76 0002 c3a9', 'é'],
  ['an old true', '83 64 0004 74727565', true],
  ['an old nil', '83 73 03 6e696c', null],
  ['a tuple', '83 68 02 61 01 6a', [1, []]],
  ['a large tuple', '83 69 00000001 61 01', [1]],
  ['a large big integer', '83 6f 00000002 00 0001', 256],
  ['a map with an integer as key', '83 74 00000001 61 01 61 02', { 1: 2 }],
  ['a map with an atom as key', '83 74 00000002 77 02 6964 61 01 77 03 6e696c 61 02', { id: 1, nil: 2 }],
])('reads %s', (_title, text, value) => {
  expect(decode(text)).toEqual(value)
})

test('writes tuples and atoms, which are read as arrays and names', () => {
  const term = encodeTerm(new Tuple([new Atom('infinity')]))
  expect(Buffer.from(term).toString('hex')).toBe('8368017708696e66696e697479')
  expect(decodeTerm(term)).toEqual(['infinity'])
})

test('keeps a byte order mark as data', () => {
  expect(decodeTerm(encodeTerm('\ufeffa'))).toBe('\ufeffa')
})

test('reads __proto__ as an ordinary key', () => {
  const map = decodeTerm(encodeTerm(JSON.parse('{"__proto__":{"admin":true}}')))
  expect(Object.entries(map as object)).toEqual([['__proto__', { admin: true }]])
  expect(Object.getPrototypeOf(map)).toBeNull()
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
})

test('reads a compressed term', () => {
  const term = encodeTerm('a'.repeat(1000))
  const size = Buffer.alloc(4)
  size.writeUInt32BE(term.length - 1)
  expect(decodeTerm(Buffer.concat([bytes('83 50'), size, deflateSync(term.subarray(1))]))).toBe(
    'a'.repeat(1000),
  )
})

test.each([
  ['says that it is larger than a megabyte', 1_048_577, 1_048_577],
  ['is larger than it says', 1000, 1001],
  ['is smaller than it says', 1001, 1000],
])('refuses a compressed term that %s', (_title, declared, actual) => {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(declared)
  const term = encodeTerm('a'.repeat(actual - 5)).subarray(1)
  expect(term.length).toBe(actual)
  expect(decodeTerm(Buffer.concat([bytes('83 50'), size, deflateSync(term)]))).toBeUndefined()
})

test.each([
  ['nothing', ''],
  ['another version', '82 61 01'],
  ['no term', '83'],
  ['half an integer', '83 62 0000'],
  ['a string that ends early', '83 6d 00000003 6161'],
  ['a list of four thousand million', '83 6c ffffffff 61 01'],
  ['an improper list', '83 6c 00000001 61 01 61 02'],
  ['a list as key', '83 74 00000001 6a 61 02'],
  ['an atom that is not UTF-8', '83 77 01 ff'],
  ['something after the term', '83 61 01 00'],
  ['a reference', '83 5a 0001'],
  ['a function', '83 70 00000000'],
  ['a compressed term that is not', '83 50 00000002 ffff'],
])('reads %s as undefined', (_title, text) => {
  expect(decode(text)).toBeUndefined()
})

test('reads terms up to 64 levels deep', () => {
  const nested = (depth: number) => bytes(`83 ${'68 01'.repeat(depth)} 61 01`)
  expect(decodeTerm(nested(64))).toBeInstanceOf(Array)
  expect(decodeTerm(nested(65))).toBeUndefined()
})

test.each([
  ['undefined', undefined],
  ['an undefined member', { name: undefined }],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['a function', () => 1],
  ['a Date', new Date(0)],
  ['a Map', [new Map()]],
  ['an object that inherits from one without a class', Object.create(Object.create(null))],
  ['a lone surrogate', '\ud800'],
  ['a lone surrogate as key', { '\ud800': 1 }],
  ['a very large integer', 2n ** 2040n],
])('refuses to write %s', (_title, value) => {
  expect(() => encodeTerm(value)).toThrow(UsageError)
})

test.each([
  ['atom', new Atom('a'.repeat(256))],
  ['tuple', new Tuple(new Array(256).fill(1))],
])('refuses to write a very long %s', (_title, value) => {
  expect(() => encodeTerm(value)).toThrow(RangeError)
})

test('the error of a bigint that is too long names the limit', () => {
  expect(() => encodeTerm(1n << 2_400n)).toThrow(
    /bigints of at most 255 bytes.*\(found a bigint of 301 bytes\)/,
  )
})

test('rejects a value that contains itself', () => {
  const value: unknown[] = []
  value.push(value)
  expect(() => encodeTerm(value)).toThrow('(found deeper nesting)')
})

test('reads back any JSON value that it wrote', () => {
  const json = fc.anything({
    withNullPrototype: true,
    maxDepth: 5,
    key: fc.string({ unit: 'binary' }),
    values: [
      fc.boolean(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.string({ unit: 'binary' }),
      fc.constant(null),
    ],
  })
  fc.assert(
    fc.property(json, (value) => {
      expect(decodeTerm(encodeTerm(value))).toEqual(value)
    }),
  )
})

test('never throws, whatever bytes it reads', () => {
  const term = fc.uint8Array({ maxLength: 200 }).map((body) => Uint8Array.of(131, ...body))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), term), (body) => void decodeTerm(body)),
    { numRuns: 2000 },
  )
})
