import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { makeWorker, startWorker } from '../../helpers/start-worker.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

test('init gets the context and creates the state that handlers share', async () => {
  const seen: unknown[] = []
  const definition = defineWorker({
    name: 'w',
    init: (context: { from: number }) => ({ count: context.from }),
    handleInfo: {
      add(by: number, state) {
        state.count += by
      },
      show(value, state, worker) {
        seen.push(value, state.count, worker)
        return { stop: 'normal' }
      },
    },
  })
  const { worker } = await startWorker(definition, { from: 40 })
  worker.send('add', 2)
  worker.send('show')
  await worker.exited
  expect(seen).toEqual([undefined, 42, worker])
})

test('handles one message at a time, in order, and none before init has finished (WORKER-2)', async () => {
  const steps: string[] = []
  const definition = defineWorker({
    name: 'w',
    async init(_context: null, worker) {
      worker.send('step', 1)
      worker.send('step', 2)
      await nextTurn()
      steps.push('ready')
    },
    handleInfo: {
      async step(number: number, _state, worker) {
        steps.push(`begin ${number}`)
        await nextTurn()
        steps.push(`end ${number}`)
        if (number === 1) worker.send('step', 3)
        return number === 3 ? { stop: 'normal' } : undefined
      },
    },
  })
  const { worker } = await startWorker(definition, null)
  await worker.exited
  expect(steps).toEqual(['ready', 'begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
})

test('reports a message without a handler and continues (WORKER-2)', async () => {
  const trace = new Trace()
  const { worker, crashes, unhandled } = await startWorker(tracedWorker('w'), { trace })
  worker.send('nobody')
  worker.send('constructor')
  worker.send('add')
  await trace.has('w count 1')
  expect(unhandled).toEqual(['nobody', 'constructor'])
  expect(crashes).toEqual([])
})

test('a throw ends the worker: terminate gets the error, mailbox and timers are dropped (WORKER-1, WORKER-5)', async () => {
  useFakeTimers()
  const trace = new Trace()
  const terminate = () => trace.add(`${vi.getTimerCount()} timers`)
  const { worker, crashes } = await startWorker(tracedWorker('w'), { trace, terminate })
  worker.sendAfter(10, 'add')
  worker.send('crash')
  worker.send('add')
  const exit = await worker.exited
  worker.send('add')
  worker.sendAfter(10, 'add')
  expect(vi.getTimerCount()).toBe(0)
  await nextTurn()
  expect(trace.lines).toEqual(['w init', '0 timers', 'w terminate crash'])
  expect(crashes).toEqual([exit])
  expect(exit).toMatchObject({ name: 'CallbackError', owner: 'w', callback: 'handleInfo.crash' })
  expect(exit).toHaveProperty('cause.message', 'w broke')
})

test('a rejection ends the worker like a throw', async () => {
  const definition = defineWorker({
    name: 'w',
    init() {},
    handleInfo: { fail: () => Promise.reject('no error object') },
  })
  const { worker, crashes } = await startWorker(definition, undefined)
  worker.send('fail')
  expect(await worker.exited).toMatchObject({ message: 'w: handleInfo.fail failed: no error object' })
  expect(crashes).toHaveLength(1)
})

test.each([
  [
    'throws',
    () => {
      throw new Error('no')
    },
  ],
  ['rejects', () => Promise.reject(new Error('no'))],
])('an init that %s makes start report the crash; terminate is not called (WORKER-5)', async (_how, init) => {
  const trace = new Trace()
  const { worker, crashes } = makeWorker(tracedWorker('w'), { trace, init })
  const exit = await worker.start()
  expect(exit).toMatchObject({ callback: 'init', cause: { message: 'no' } })
  expect(await worker.exited).toBe(exit)
  expect(crashes).toEqual([exit])
  expect(trace.lines).toEqual(['w init'])
})

test.each(['normal', 'shutdown', { shutdown: 'left' }])(
  'the worker stops itself with %j without a crash',
  async (reason) => {
    const trace = new Trace()
    const { worker, crashes } = await startWorker(tracedWorker('w'), { trace })
    worker.send('stop', reason)
    worker.send('add')
    expect(await worker.exited).toEqual(reason)
    expect(trace.lines).toEqual(['w init', `w terminate ${JSON.stringify(reason)}`])
    expect(crashes).toEqual([])
  },
)

test.each([new Error('lost'), 'lost'])(
  'stopping itself for any other reason is a crash: %s',
  async (reason) => {
    const { worker, crashes } = await startWorker(tracedWorker('w'), { trace: new Trace() })
    worker.send('stop', reason)
    expect(await worker.exited).toMatchObject({ message: 'w: handleInfo.stop failed: lost', cause: reason })
    expect(crashes).toHaveLength(1)
  },
)

test.each([
  [null, 'null'],
  [1, '1'],
  [{ stopped: true }, 'an object with "stopped"'],
])('a handler that returns %j crashes', async (result, given) => {
  // @ts-expect-error a handler returns nothing or { stop }
  const definition = defineWorker({ name: 'w', init() {}, handleInfo: { wrong: () => result } })
  const { worker } = await startWorker(definition, undefined)
  worker.send('wrong')
  const message = `handleInfo.wrong must return undefined or { stop: reason } (got ${given})`
  expect(await worker.exited).toMatchObject({
    cause: { name: 'UsageError', code: 'PHX_ERR_RESULT', message },
  })
})

test('a crash in terminate is reported and becomes the reason of the end', async () => {
  const terminate = () => Promise.reject(new Error('dirty'))
  const { worker, crashes } = await startWorker(tracedWorker('w'), { trace: new Trace(), terminate })
  worker.send('stop', 'normal')
  expect(await worker.exited).toMatchObject({ callback: 'terminate', cause: { message: 'dirty' } })
  expect(crashes).toHaveLength(1)
})

test('sendAfter sends once, after the delay, unless it is cancelled (WORKER-3)', async () => {
  useFakeTimers()
  const trace = new Trace()
  const { worker } = await startWorker(tracedWorker('w'), { trace })
  worker.sendAfter(100, 'add')
  const cancel = worker.sendAfter(50, 'crash')
  cancel()
  await vi.advanceTimersByTimeAsync(99)
  expect(trace.take()).toEqual(['w init'])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(trace.take()).toEqual(['w count 1'])
  expect(vi.getTimerCount()).toBe(0)
})

test('a handler can send itself the next tick', async () => {
  useFakeTimers()
  const ticks: number[] = []
  const definition = defineWorker({
    name: 'ticker',
    init(every: number, worker) {
      worker.sendAfter(every, 'tick')
      return { every }
    },
    handleInfo: {
      tick(_value, state, worker) {
        ticks.push(performance.now())
        worker.sendAfter(state.every, 'tick')
      },
    },
  })
  const begin = performance.now()
  const { worker } = await startWorker(definition, 5_000)
  await vi.advanceTimersByTimeAsync(15_000)
  expect(ticks.map((at) => at - begin)).toEqual([5_000, 10_000, 15_000])
  worker.stop()
  await worker.exited
  expect(vi.getTimerCount()).toBe(0)
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('refuses a delay of %d ms', async (ms) => {
  const { worker } = await startWorker(tracedWorker('w'), { trace: new Trace() })
  expect(() => worker.sendAfter(ms, 'add')).toThrowError(
    expect.objectContaining({ name: 'UsageError', code: 'PHX_ERR_OPTION' }),
  )
})

test('a worker that keeps sending to itself does not starve the process', async () => {
  let rounds = 0
  const definition = defineWorker({
    name: 'w',
    init(_context: null, worker) {
      worker.send('again')
    },
    handleInfo: {
      again(_value, _state, worker) {
        rounds += 1
        worker.send('again')
      },
    },
  })
  const { worker } = await startWorker(definition, null)
  await new Promise((resolve) => setTimeout(resolve, 1))
  const before = rounds
  await new Promise((resolve) => setTimeout(resolve, 1))
  expect(before).toBeGreaterThan(0)
  expect(rounds).toBeGreaterThan(before)
  worker.stop()
  expect(await worker.exited).toBe('shutdown')
})
