import { PassThrough, Readable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { readBody } from '../../../server/transport/longpoll-body.ts'
import { turn } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const LIMITS = { maxBodyBytes: 4, bodyTimeout: 1_000 }

test('a body consists of its chunks, which may be text', async () => {
  const stream = new PassThrough({ encoding: 'utf8' })
  const read = readBody(stream, LIMITS)
  stream.write('ü')
  stream.end('ab')
  expect(await read).toEqual(Buffer.from('üab'))
})

test('a body above the limit is not read further', async () => {
  const stream = new PassThrough()
  const read = readBody(stream, LIMITS)
  stream.write('abc')
  stream.write('de')
  expect(await read).toBe('too large')
  expect(stream.isPaused()).toBe(true)
})

test('the timeout of a body starts when it is read, and does not depend on its bytes', async () => {
  useFakeTimers()
  const stream = new PassThrough()
  const read = readBody(stream, LIMITS)
  await vi.advanceTimersByTimeAsync(999)
  stream.write('a')
  await vi.advanceTimersByTimeAsync(1)
  expect(await read).toBe('too slow')
  expect(vi.getTimerCount()).toBe(0)
})

test.each([undefined, new Error('reset')])('a stream that breaks off gives no body: %s', async (error) => {
  const stream = new PassThrough()
  const read = readBody(stream, LIMITS)
  stream.write('a')
  stream.destroy(error)
  expect(await read).toBe('aborted')
})

/** A body in chunks of this size, which are read one after the other. */
const inChunks = (count: number, size: number) =>
  Readable.from(
    Array.from({ length: count }, () => Buffer.alloc(size, 'x')),
    { objectMode: true },
  )

test('a body in many tiny chunks is too large, because each chunk costs memory', async () => {
  const limits = { ...LIMITS, maxBodyBytes: 8_192_000 }
  expect(await readBody(inChunks(8_001, 1), limits)).toBe('too large')
  expect(await readBody(inChunks(8_000, 1), limits)).toHaveLength(8_000)
})

test('a late body is not whole if it has too many chunks', async () => {
  useFakeTimers()
  const stream = new Readable({ objectMode: true, read() {} })
  const read = readBody(stream, { maxBodyBytes: 8_192, bodyTimeout: 50 })
  const arrive = (count: number) => {
    for (let n = 0; n < count; n += 1) stream.emit('data', Buffer.from('x'))
  }
  arrive(1_024)
  vi.advanceTimersByTime(50)
  arrive(6)
  stream.emit('end')
  expect(await read).toBe('too slow')
})

test('a body of the maximum size may come in TCP segments, and a small one in 1,024 chunks', async () => {
  const [count, size] = [5_714, 1_400]
  const limits = { ...LIMITS, maxBodyBytes: 8_000_000 }
  expect(await readBody(inChunks(count, size), limits)).toHaveLength(count * size)
  const few = { ...LIMITS, maxBodyBytes: 2_000 }
  expect(await readBody(inChunks(1_024, 1), few)).toHaveLength(1_024)
  expect(await readBody(inChunks(1_025, 1), few)).toBe('too large')
})

test('a stream that has failed before it is read gives no body', async () => {
  const stream = new PassThrough().on('error', () => {})
  stream.destroy(new Error('failed'))
  await turn()
  expect(await readBody(stream, LIMITS)).toBe('aborted')
})
