import type { Socket as NetSocket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { WriteBatch } from '../../../server/transport/write-batch.ts'

const frame = (text: string) => new Frame('text', text)
const batchOf = (...frames: Frame[]) => {
  const [first = frame(''), ...others] = frames
  return others.reduce((batch, next) => batch.with(next), WriteBatch.of(first))
}

/** Bytes that batches write. A stream replaces the TCP socket. */
function written(...batches: WriteBatch[]): Buffer[] {
  const chunks: Buffer[] = []
  const stream = new PassThrough({ highWaterMark: 10_000_000 })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (const batch of batches) batch.writeTo(stream as unknown as NetSocket)
  return chunks
}

test('a batch of one frame consists of its bytes', () => {
  const batch = batchOf(frame('a'))
  expect([batch.size, batch.count]).toEqual([3, 1])
  expect(written(batch)[0]?.toString('hex')).toBe('810161')
})

test('several frames are written in order, in one buffer', () => {
  const batch = batchOf(frame('a'), new Frame('binary', new Uint8Array([2])), frame('c'))
  expect([batch.size, batch.count]).toEqual([9, 3])
  expect(written(batch).map((chunk) => chunk.toString('hex'))).toEqual(['810161' + '820102' + '810163'])
})

test('the batch of a frame is created once and stored with it', () => {
  const one = frame('a')
  expect(WriteBatch.of(one)).toBe(WriteBatch.of(one))
  expect(one.wire).toBe(WriteBatch.of(one))
})

test('connections that queue the same frames share one batch and its bytes', () => {
  const frames = [frame('a'), frame('b'), frame('c')]
  const [first, second] = [batchOf(...frames), batchOf(...frames)]
  expect(first).toBe(second)
  const [once, again] = written(first, second)
  expect(once?.buffer).toBe(again?.buffer)
  expect(once?.byteOffset).toBe(again?.byteOffset)
})

test('connections that queue different frames do not affect each other', () => {
  const [shared, one, two] = [frame('s'), frame('1'), frame('2')]
  const batches = [batchOf(shared, one), batchOf(shared, two), batchOf(shared, one), batchOf(one, shared)]
  expect(written(...batches).map((chunk) => chunk.toString('hex'))).toEqual([
    '810173' + '810131',
    '810173' + '810132',
    '810173' + '810131',
    '810131' + '810173',
  ])
})

test('the same frame can be queued twice', () => {
  const one = frame('a')
  expect(written(batchOf(one, one, one))[0]?.toString('hex')).toBe('810161'.repeat(3))
})

test('a large batch is written in pieces, in order, without a copy', () => {
  const frames = ['a', 'b', 'c'].map((letter) => frame(letter.repeat(30_000)))
  const batch = batchOf(...frames)
  const chunks = written(batch)
  expect(chunks.map((chunk) => chunk.length)).toEqual([30_004, 30_004, 30_004])
  expect(chunks.map((chunk) => String.fromCharCode(chunk[4] ?? 0))).toEqual(['a', 'b', 'c'])
  expect(Buffer.concat(chunks).length).toBe(batch.size)
})
