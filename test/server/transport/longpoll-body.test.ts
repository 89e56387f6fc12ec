import { PassThrough } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { readBody } from '../../../server/transport/longpoll-body.ts'
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
