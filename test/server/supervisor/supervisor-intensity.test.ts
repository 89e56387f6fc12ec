import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Supervisor, SupervisorOptions } from '../../../server/supervisor/supervisor.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { family, supervise } from '../../helpers/supervise.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

test('the fourth crash within five seconds stops the children in reverse and resolves failed (SUPERVISE-4)', async () => {
  const { supervisor, trace } = await family(['a', 'b', 'c'])
  for (let crash = 1; crash <= 3; crash++) {
    trace.worker('b').send('crash')
    await trace.has('b init', crash)
  }
  expect(supervisor.children().map((child) => child.restarts)).toEqual([0, 3, 0])
  trace.take()
  trace.worker('b').send('crash')
  expect(await supervisor.failed).toMatchObject({
    name: 'CallbackError',
    code: 'PHX_ERR_RESTARTS',
    message:
      'b: restart failed: the restart limit is reached (maxRestarts: 3, maxSeconds: 5), so the supervisor stops',
    cause: { cause: { message: 'b: handleInfo.crash failed: b broke' } },
  })
  expect(trace.lines).toEqual(['b terminate crash', 'c terminate "shutdown"', 'a terminate "shutdown"'])
  expect(supervisor.children().map((child) => child.status)).toEqual(['stopped', 'stopped', 'stopped'])
})

test('the window slides: crashes older than maxSeconds no longer count', async () => {
  useFakeTimers()
  const { supervisor, trace } = await family(['a'], { maxRestarts: 2, maxSeconds: 1 })
  for (let crash = 1; crash <= 6; crash++) {
    trace.worker('a').send('crash')
    await trace.has('a init', crash)
    await vi.advanceTimersByTimeAsync(501)
  }
  trace.worker('a').send('crash')
  await trace.has('a init', 7)
  trace.worker('a').send('crash')
  expect(await supervisor.failed).toMatchObject({ code: 'PHX_ERR_RESTARTS' })
})

test('normal ends of a permanent child count as well', async () => {
  const { supervisor, trace } = await family(['a'], { maxRestarts: 0 })
  trace.worker('a').send('stop', 'normal')
  expect(await supervisor.failed).toMatchObject({ cause: { cause: 'normal' } })
})

test('one_for_all counts one restart per event, not per child', async () => {
  const { supervisor, trace } = await family(['a', 'b', 'c'], { strategy: 'one_for_all' })
  for (let crash = 1; crash <= 3; crash++) {
    trace.worker('a').send('crash')
    await trace.has('c init', crash)
  }
  expect(supervisor.children().map((child) => child.restarts)).toEqual([3, 3, 3])
  trace.worker('c').send('crash')
  expect(await supervisor.failed).toMatchObject({ owner: 'c' })
})

test('a restart whose init fails counts and is tried again until it comes up or the limit is exceeded', async () => {
  const trace = new Trace()
  const crashes: string[] = []
  const supervisor = supervise({ onCrash: (error) => crashes.push(error.message) })
  let isUp = true
  const init = () => {
    if (!isUp) throw new Error('down')
  }
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace, init } })
  isUp = false
  trace.worker('a').send('crash')
  expect(await supervisor.failed).toMatchObject({ cause: { cause: { message: 'a: init failed: down' } } })
  expect(trace.lines).toEqual(['a init', 'a terminate crash', 'a init', 'a init', 'a init'])
  expect(crashes).toEqual([
    'a: handleInfo.crash failed: a broke',
    'a: init failed: down',
    'a: init failed: down',
    'a: init failed: down',
    'a: restart failed: the restart limit is reached (maxRestarts: 3, maxSeconds: 5), so the supervisor stops',
  ])
})

test('a child that always fails at once does not starve the process', async () => {
  const { supervisor, trace } = await family(['a'], { maxRestarts: Number.POSITIVE_INFINITY })
  let starts = 0
  const init = () => {
    starts += 1
    if (starts > 1) throw new Error('down')
  }
  await supervisor.startChild({ worker: tracedWorker('b'), context: { trace, init } })
  trace.worker('b').send('crash')
  await trace.has('b init', 3)
  await nextTurn()
  const before = starts
  await nextTurn()
  await nextTurn()
  expect(starts).toBeGreaterThan(before)
  await supervisor.stop()
  expect(trace.lines.at(-1)).toBe('a terminate "shutdown"')
})

/** A supervisor of `a`, `b` and `c` whose `b` fails to restart until `isUp` is true. All of them are down or running. */
async function failingRestart(options: Partial<SupervisorOptions> = {}) {
  const trace = new Trace()
  const supervisor = supervise({ maxRestarts: Number.POSITIVE_INFINITY, ...options })
  const state = { isUp: true }
  const init = () => {
    if (!state.isUp) throw new Error('down')
  }
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await supervisor.startChild({ worker: tracedWorker('b'), context: { trace, init } })
  await supervisor.startChild({ worker: tracedWorker('c'), context: { trace } })
  state.isUp = false
  trace.worker('b').send('crash')
  await trace.has('b init', 3)
  return { trace, supervisor, state }
}

const statuses = (supervisor: Supervisor) => supervisor.children().map(({ id, status }) => `${id} ${status}`)

test('a restart that keeps failing does not block other children, and ends when the child is terminated', async () => {
  const { trace, supervisor } = await failingRestart()
  await supervisor.startChild({ worker: tracedWorker('d'), context: { trace } })
  expect(await supervisor.terminateChild('a')).toBe(true)
  await expect(supervisor.restartChild('b')).rejects.toThrow('down')
  expect(await supervisor.terminateChild('b')).toBe(true)
  trace.take()
  for (let n = 0; n < 10; n++) await nextTurn()
  expect(trace.lines).toEqual([])
  expect(statuses(supervisor)).toEqual(['a stopped', 'b stopped', 'c running', 'd running'])
})

test.each([
  ['deleted', (supervisor: Supervisor) => supervisor.deleteChild('b')],
  ['stopped by its handle', (supervisor: Supervisor) => supervisor.whereis('b')?.stop()],
])('a restart that keeps failing ends when the child is %s', async (_how, remove) => {
  const { trace, supervisor } = await failingRestart()
  await remove(supervisor)
  trace.take()
  for (let n = 0; n < 10; n++) await nextTurn()
  expect(trace.lines).toEqual([])
  expect(statuses(supervisor)).toEqual(['a running', 'c running'])
})

test('a child that runs again before the next attempt is left alone', async () => {
  const { trace, supervisor, state } = await failingRestart()
  state.isUp = true
  trace.take()
  await supervisor.ensureChild({ worker: tracedWorker('b'), context: { trace } })
  for (let n = 0; n < 10; n++) await nextTurn()
  expect(trace.lines).toEqual(['b init'])
})

test('siblings that a restart has stopped start again if the failing child is terminated', async () => {
  const { trace, supervisor } = await failingRestart({ strategy: 'rest_for_one' })
  expect(trace.lines.filter((line) => line.startsWith('c'))).toEqual(['c init', 'c terminate "shutdown"'])
  expect(await supervisor.terminateChild('b')).toBe(true)
  await trace.has('c init', 2)
  for (let n = 0; n < 10; n++) await nextTurn()
  expect(statuses(supervisor)).toEqual(['a running', 'b stopped', 'c running'])
})

test('`failed` can be ignored', async () => {
  const rejected: unknown[] = []
  const note = (reason: unknown) => rejected.push(reason)
  process.on('unhandledRejection', note)
  onTestFinished(() => {
    process.off('unhandledRejection', note)
  })
  const { trace } = await family(['a', 'b'], { maxRestarts: 0 })
  trace.worker('b').send('crash')
  await trace.has('a terminate "shutdown"')
  await nextTurn()
  await nextTurn()
  expect(rejected).toEqual([])
})
