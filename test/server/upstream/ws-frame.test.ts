import { expect, test } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { wsFrame } from '../../../server/upstream/ws-frame.ts'

const head = (bytes: Uint8Array, size: number) => Buffer.from(bytes.subarray(0, size)).toString('hex')

test('a text frame consists of its header and its UTF-8', () => {
  expect(wsFrame(new Frame('text', 'hé')).toString('hex')).toBe('8103' + '68c3a9')
})

test('a binary frame consists of its header and its bytes', () => {
  expect(wsFrame(new Frame('binary', new Uint8Array([1, 2, 255]))).toString('hex')).toBe('8203' + '0102ff')
})

test('an empty frame has a header', () => {
  expect(wsFrame(new Frame('text', '')).toString('hex')).toBe('8100')
})

test.each([
  [0, '8200', 2],
  [125, '827d', 2],
  [126, '827e007e', 4],
  [65_535, '827effff', 4],
  [65_536, '827f0000000000010000', 10],
])('a frame of %i bytes has the header %s', (size, header, headerSize) => {
  const frame = wsFrame(new Frame('binary', new Uint8Array(size).fill(7)))
  expect(head(frame, headerSize)).toBe(header)
  expect(frame.length).toBe(headerSize + size)
  expect(frame.subarray(headerSize).every((byte) => byte === 7)).toBe(true)
})

test('the length of a text is the number of its bytes, not of its characters', () => {
  const frame = wsFrame(new Frame('text', 'é'.repeat(100)))
  expect(head(frame, 4)).toBe('817e00c8')
  expect(frame.length).toBe(204)
})

test('the bytes are a copy', () => {
  const data = new Uint8Array([1])
  const frame = wsFrame(new Frame('binary', data))
  data[0] = 9
  expect(frame[2]).toBe(1)
})
