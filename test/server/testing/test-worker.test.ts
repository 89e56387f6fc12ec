import { expect, test, vi } from 'vitest'
import { defineWorker } from '../../../server/index.ts'
import { startWorker } from '../../../server/testing/index.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'

const Counter = defineWorker({
  name: 'counter',
  init({ start }: { start: number }, worker) {
    if (start < 0) throw new Error('below 0')
    worker.sendAfter(60_000, 'add', 100)
    return { count: start }
  },
  handleInfo: {
    async add(by: number, state) {
      await Promise.resolve()
      state.count += by
    },
    boom() {
      throw new Error('it broke')
    },
    stop: () => ({ stop: 'normal' }),
  },
  handleCall: { count: (_value: undefined, { count }) => ({ reply: count }) },
})

test('a worker runs without a supervisor: a test can send it messages, call it, and read its state', async () => {
  const worker = await startWorker(Counter, { start: 1 })
  worker.send('add', 2)
  worker.send('nonsense')
  await worker.handled()
  expect(worker.state).toEqual({ count: 3 })
  expect(await worker.call('count')).toBe(3)
  expect(worker.unhandled).toEqual(['nonsense'])
  expect(await worker.stop()).toBe('shutdown')
  expect(worker.send('add', 1)).toBe(false)
})

test('fake timers control the timers of the worker', async () => {
  useFakeTimers()
  const worker = await startWorker(Counter, { start: 1 })
  vi.advanceTimersByTime(60_000)
  await worker.handled()
  expect(worker.state).toEqual({ count: 101 })
  await worker.stop()
})

test('a test can await its crash and its end', async () => {
  const worker = await startWorker(Counter, { start: 1 })
  worker.send('boom')
  expect(await worker.crashed()).toMatchObject({ callback: 'handleInfo.boom', cause: new Error('it broke') })
  const crashed = await startWorker(Counter, { start: 1 }, { timeout: 20 })
  crashed.send('boom')
  await expect(crashed.ended()).rejects.toThrow(/1\. the worker crashed: .*handleInfo\.boom failed/)
  await expect(crashed.handled()).rejects.toThrow('call "handled()" was not answered: ')
  const other = await startWorker(Counter, { start: 1 }, { timeout: 20 })
  await expect(other.crashed()).rejects.toThrow('worker counter did not crash within 20 ms')
  await expect(other.ended()).rejects.toThrow('worker counter did not end without a crash within 20 ms')
  other.send('stop')
  expect(await other.ended()).toBe('normal')
})

test('a worker whose init fails is not started', async () => {
  await expect(startWorker(Counter, { start: -1 })).rejects.toThrow('counter: init failed: below 0')
})
