import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { family, recordingLogger, supervise } from '../../helpers/supervise.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

test('stop ends the children in reverse, each before the next (SUPERVISE-1)', async () => {
  const trace = new Trace()
  const supervisor = supervise()
  const gate = new Deferred()
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await supervisor.startChild({
    worker: tracedWorker('b'),
    context: { trace, terminate: () => gate.promise.then(() => trace.add('b gate')) },
  })
  await supervisor.startChild({ worker: tracedWorker('c'), context: { trace } })
  trace.take()
  const stopping = supervisor.stop()
  await trace.has('c terminate "shutdown"')
  await nextTurn()
  expect(supervisor.children().map((child) => child.status)).toEqual(['running', 'stopping', 'stopped'])
  gate.resolve()
  await stopping
  await supervisor.stop()
  expect(trace.lines).toEqual([
    'c terminate "shutdown"',
    'b gate',
    'b terminate "shutdown"',
    'a terminate "shutdown"',
  ])
  expect(supervisor.children().map((child) => child.status)).toEqual(['stopped', 'stopped', 'stopped'])
})

test('stop abandons a child that takes longer than its shutdown, and logs that (SUPERVISE-5)', async () => {
  useFakeTimers()
  const trace = new Trace()
  const logger = recordingLogger()
  const supervisor = supervise({ logger })
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await supervisor.startChild({ worker: tracedWorker('b'), context: { trace }, shutdown: 700 })
  trace.worker('b').sendAfter(60_000, 'add')
  trace.worker('b').send('hang')
  await nextTurn()
  const stopping = supervisor.stop()
  await vi.advanceTimersByTimeAsync(699)
  expect(trace.take()).toEqual(['a init', 'b init'])
  await vi.advanceTimersByTimeAsync(1)
  await stopping
  expect(trace.take()).toEqual(['a terminate "shutdown"'])
  expect(logger.lines).toEqual([
    {
      level: 'warn',
      details: { child: 'b' },
      message: 'child abandoned: it did not stop within its shutdown time',
    },
  ])
  expect(vi.getTimerCount()).toBe(0)
})

test('a child has 5 seconds by default', async () => {
  useFakeTimers()
  const { supervisor, trace } = await family(['a'])
  trace.worker('a').send('hang')
  await nextTurn()
  let isStopped = false
  const stopping = supervisor.stop().then(() => {
    isStopped = true
  })
  await vi.advanceTimersByTimeAsync(4_999)
  expect(isStopped).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  await stopping
})

test('"brutal_kill" skips terminate', async () => {
  const trace = new Trace()
  const supervisor = supervise()
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace }, shutdown: 'brutal_kill' })
  const { exited } = trace.worker('a')
  await supervisor.stop()
  expect(await exited).toBe('killed')
  expect(trace.lines).toEqual(['a init'])
})

test('no timer of a worker is left after stop', async () => {
  useFakeTimers()
  const { supervisor, trace } = await family(['a', 'b'])
  trace.worker('a').sendAfter(1_000, 'add')
  trace.worker('b').sendAfter(1_000, 'add')
  expect(vi.getTimerCount()).toBe(2)
  await supervisor.stop()
  expect(vi.getTimerCount()).toBe(0)
})

test('a crash in terminate is reported, never thrown by stop', async () => {
  const trace = new Trace()
  const crashes: string[] = []
  const supervisor = supervise({ onCrash: (error, id) => crashes.push(`${id} ${error.callback}`) })
  const terminate = () => Promise.reject(new Error('dirty'))
  await supervisor.startChild({ id: 'first', worker: tracedWorker('a'), context: { trace, terminate } })
  await supervisor.stop()
  expect(crashes).toEqual(['first terminate'])
})

test('a child that crashes during a stop is not restarted', async () => {
  const { supervisor, trace } = await family(['a'])
  trace.worker('a').send('crash')
  await supervisor.stop()
  expect(trace.lines).toEqual(['a terminate crash'])
})

test('a crash after stop does not resolve `failed`', async () => {
  const { supervisor, trace } = await family(['a'], { maxRestarts: 0 })
  trace.worker('a').send('crash')
  await supervisor.stop()
  await nextTurn()
  expect(trace.lines).toEqual(['a terminate crash'])
  expect(await Promise.race([supervisor.failed, Promise.resolve('not failed')])).toBe('not failed')
})

test('stop during a restart starts nothing more', async () => {
  const trace = new Trace()
  const supervisor = supervise({ strategy: 'one_for_all' })
  const gate = new Deferred()
  const stopping = new Deferred<Promise<void>>()
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await supervisor.startChild({
    worker: tracedWorker('b'),
    context: {
      trace,
      terminate: () => {
        stopping.resolve(supervisor.stop())
        return gate.promise
      },
    },
  })
  trace.take()
  trace.worker('a').send('crash')
  const stopped = stopping.promise
  await trace.has('a terminate crash')
  gate.resolve()
  await stopped
  expect(trace.lines).toEqual(['a terminate crash', 'b terminate "shutdown"'])
})

test('stop gives a hanging init its shutdown time, then rejects its start and all waiting ones', async () => {
  useFakeTimers()
  const { supervisor, trace } = await family(['a'])
  const hanging = supervisor.startChild({
    worker: tracedWorker('b'),
    context: { trace, init: () => new Promise<void>(() => {}) },
    shutdown: 100,
  })
  const waiting = supervisor.startChild({ worker: tracedWorker('c'), context: { trace } })
  const refusals = Promise.allSettled([hanging, waiting])
  await trace.has('b init')
  const stopping = supervisor.stop()
  await vi.advanceTimersByTimeAsync(100)
  await stopping
  const reason = (id: string) => ({
    status: 'rejected',
    reason: { message: `child "${id}" cannot start: the supervisor has stopped` },
  })
  expect(await refusals).toMatchObject([reason('b'), reason('c')])
  expect(trace.lines).toEqual(['b init', 'a terminate "shutdown"'])
})

test('starts no child after it has stopped', async () => {
  const { supervisor, trace } = await family([])
  await supervisor.stop()
  await expect(
    supervisor.startChild({ worker: tracedWorker('a'), context: { trace } }),
  ).rejects.toMatchObject({
    name: 'UsageError',
  })
  expect(trace.lines).toEqual([])
})

test('a start whose init finishes after the stop has begun is rejected (SUPERVISE-1)', async () => {
  const { supervisor, trace } = await family([])
  const gate = new Deferred()
  const starting = supervisor.startChild({
    worker: tracedWorker('a'),
    context: { trace, init: () => gate.promise },
  })
  const refusal = expect(starting).rejects.toThrow('child "a" cannot start: the supervisor has stopped')
  await trace.has('a init')
  const stopping = supervisor.stop()
  gate.resolve()
  await Promise.all([stopping, refusal])
  expect(trace.lines).toEqual(['a init', 'a terminate "shutdown"'])
  expect(supervisor.children()).toEqual([])
})
