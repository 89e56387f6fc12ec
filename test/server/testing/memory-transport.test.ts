import { expect, test } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { MemoryTransport } from '../../../server/testing/memory-transport.ts'

const [one, two] = [new Frame('text', '1'), new Frame('binary', new Uint8Array([2]))]

test('keeps sent frames, in order, until they are taken', () => {
  const transport = new MemoryTransport()
  transport.send(one)
  transport.send(two)
  expect(transport.take()).toEqual([one, two])
  expect(transport.take()).toEqual([])
})

test('keeps the first close code and accepts no frames after it', () => {
  const transport = new MemoryTransport()
  expect(transport.closeCode).toBeNull()
  transport.close(1012)
  transport.close(1001)
  transport.send(one)
  expect([transport.closeCode, transport.take()]).toEqual([1012, []])
})

test('shows whether the server wants to read', () => {
  const transport = new MemoryTransport()
  transport.pause()
  expect(transport.isPaused).toBe(true)
  transport.resume()
  transport.sweep()
  expect([transport.isPaused, transport.bufferedAmount, transport.name]).toEqual([false, 0, 'memory'])
})
