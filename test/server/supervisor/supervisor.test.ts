import { expect, test, vi } from 'vitest'
import type { CallbackError } from '../../../server/errors.ts'
import { type Strategy, Supervisor } from '../../../server/supervisor/supervisor.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { family, recordingLogger, supervise } from '../../helpers/supervise.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

test('starts children one after the other, each when the one before is ready (SUPERVISE-1)', async () => {
  const trace = new Trace()
  const supervisor = supervise()
  const gate = new Deferred()
  const first = supervisor.startChild({
    worker: tracedWorker('a'),
    context: { trace, init: () => gate.promise.then(() => trace.add('a ready')) },
  })
  const second = supervisor.startChild({ worker: tracedWorker('b'), context: { trace } })
  await trace.has('a init')
  expect(supervisor.children()).toEqual([{ id: 'a', status: 'starting', restarts: 0 }])
  gate.resolve()
  await first
  await second
  expect(trace.lines).toEqual(['a init', 'a ready', 'b init'])
  expect(supervisor.children()).toEqual([
    { id: 'a', status: 'running', restarts: 0 },
    { id: 'b', status: 'running', restarts: 0 },
  ])
})

test('a dynamic child is replaced under its entry, and removed if its new init fails', async () => {
  const { supervisor, trace } = await family(['a'])
  let init = async (): Promise<void> => {}
  const b = await supervisor.startChild({
    worker: tracedWorker('b'),
    context: { trace, init: () => init() },
    dynamic: true,
  })
  expect(await supervisor.replaceChild('b')).toBe(true)
  expect(b.info).toEqual({ id: 'b', status: 'running', restarts: 1 })
  init = () => Promise.reject(new Error('no database'))
  await expect(supervisor.replaceChild('b')).rejects.toThrow('no database')
  expect([await supervisor.replaceChild('b'), supervisor.children().length]).toEqual([false, 1])
})

test('a child whose first init fails is rejected and removed; the others keep running', async () => {
  const { supervisor, trace } = await family(['a'])
  const refused = supervisor.startChild({
    worker: tracedWorker('b'),
    context: { trace, init: () => Promise.reject(new Error('no database')) },
  })
  await expect(refused).rejects.toMatchObject({ message: 'b: init failed: no database' })
  expect(supervisor.children().map((child) => child.id)).toEqual(['a'])
  await supervisor.startChild({ worker: tracedWorker('b'), context: { trace } })
  trace.worker('a').send('add')
  await trace.has('a count 1')
})

const worker = tracedWorker('w')

test('ids are unique: the id is the name of the worker, unless `id` is given', async () => {
  const { supervisor, trace } = await family(['a'])
  await expect(
    supervisor.startChild({ worker: tracedWorker('a'), context: { trace } }),
  ).rejects.toMatchObject({
    name: 'UsageError',
    code: 'PHX_ERR_OPTION',
    message: 'child "a" exists already: `id` must be unique among the children of the supervisor',
  })
  await supervisor.startChild({ id: 'a2', worker: tracedWorker('a'), context: { trace } })
  expect(supervisor.children().map((child) => child.id)).toEqual(['a', 'a2'])
})

test.each([
  [{ worker, id: '' }, 'child "": `id` must be a non-empty string (got "")'],
  [
    { worker, restart: 'always' },
    'child: `restart` must be "permanent", "transient" or "temporary" (got "always")',
  ],
  [
    { worker, shutdown: -1 },
    'child: `shutdown` must be "brutal_kill" or a non-negative number of milliseconds (got -1)',
  ],
  [{ worker, shutdown: '5s' }, '`shutdown` must be "brutal_kill" or'],
  [
    { name: 'w' },
    'has an unknown key "name" (the name belongs in `worker: defineWorker({ name, … })`; a child',
  ],
  [worker, 'child must be { worker: defineWorker({ … }) } (got the result of defineWorker)'],
  [
    { worker: { name: 'w', init() {} } },
    '`worker` must be the result of defineWorker (got an object with "name", "init")',
  ],
  [undefined, 'child must be a plain object (got undefined)'],
])('refuses to start %j', async (spec, message) => {
  const supervisor = new Supervisor({ strategy: 'one_for_one' })
  const started = supervisor.startChild(spec as never)
  await expect(started).rejects.toMatchObject({
    code: 'PHX_ERR_OPTION',
    message: expect.stringContaining(message),
  })
  expect(supervisor.children()).toEqual([])
})

test.each([
  [
    { strategy: 'all' },
    'supervisor: `strategy` must be "one_for_one", "one_for_all" or "rest_for_one" (got "all")',
  ],
  [{ maxRestarts: -1 }, 'supervisor: `maxRestarts` must be a number of at least 0 (got -1)'],
  [{ maxRestarts: Number.NaN }, 'supervisor: `maxRestarts` must be a number of at least 0 (got NaN)'],
  [{ maxSeconds: 0 }, 'supervisor: `maxSeconds` must be a number above 0 (got 0)'],
  [
    { logger: {} },
    'supervisor: `logger` must be an object with the functions `error` and `warn` (got an empty object)',
  ],
])('refuses %j', (options, message) => {
  // @ts-expect-error some of them have the wrong type too
  expect(() => supervise(options)).toThrowError(expect.objectContaining({ code: 'PHX_ERR_OPTION', message }))
})

test('a restart runs init again with the same context; the mailbox and timers are dropped (WORKER-1)', async () => {
  useFakeTimers()
  const { supervisor, trace } = await family(['a'])
  const first = trace.worker('a')
  first.send('add')
  first.sendAfter(10, 'add')
  first.send('crash')
  first.send('add')
  await trace.has('a init')
  expect(trace.worker('a')).not.toBe(first)
  first.send('add')
  trace.worker('a').send('add')
  await vi.advanceTimersByTimeAsync(100)
  expect(trace.lines).toEqual(['a count 1', 'a terminate crash', 'a init', 'a count 1'])
  expect(supervisor.children()).toEqual([{ id: 'a', status: 'running', restarts: 1 }])
})

test('a permanent child is restarted even after a normal end (SUPERVISE-2)', async () => {
  const { trace } = await family(['a'])
  trace.worker('a').send('stop', 'normal')
  await trace.has('a init')
  expect(trace.lines).toEqual(['a terminate "normal"', 'a init'])
})

test.each(['normal', 'shutdown', { shutdown: 'done' }])(
  'a transient child is not restarted after %j',
  async (reason) => {
    const { supervisor, trace } = await family([])
    await supervisor.startChild({ worker: tracedWorker('a'), context: { trace }, restart: 'transient' })
    const { exited } = trace.worker('a')
    trace.worker('a').send('stop', reason)
    await exited
    await supervisor.startChild({ worker: tracedWorker('b'), context: { trace } })
    expect(trace.lines).toEqual(['a init', `a terminate ${JSON.stringify(reason)}`, 'b init'])
    expect(supervisor.children()[0]).toEqual({ id: 'a', status: 'stopped', restarts: 0 })
  },
)

test.each([
  ['a crash', 'crash', undefined],
  ['another stop', 'stop', new Error('lost')],
])('a transient child is restarted after %s', async (_what, message, value) => {
  const { supervisor, trace } = await family([])
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace }, restart: 'transient' })
  trace.worker('a').send(message, value)
  await trace.has('a init', 2)
})

test('a transient child that kills itself is restarted', async () => {
  const { supervisor, trace } = await family([])
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace }, restart: 'transient' })
  trace.worker('a').kill()
  await trace.has('a init', 2)
})

test('a temporary child is never restarted, but removed', async () => {
  const { supervisor, trace } = await family(['b'], { strategy: 'one_for_all' })
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace }, restart: 'temporary' })
  const { exited } = trace.worker('a')
  trace.worker('a').send('crash')
  await exited
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  expect(trace.lines).toEqual(['a init', 'a terminate crash', 'a init'])
  expect(supervisor.children().map((child) => child.id)).toEqual(['b', 'a'])
})

test.each<[Strategy, string[], number[]]>([
  ['one_for_one', ['b terminate crash', 'b init'], [0, 1, 0, 0]],
  [
    'one_for_all',
    // biome-ignore format: one line for each phase
    [
      'b terminate crash',
      'd terminate "shutdown"', 'c terminate "shutdown"', 'a terminate "shutdown"',
      'a init', 'b init', 'c init', 'd init',
    ],
    [1, 1, 1, 1],
  ],
  [
    'rest_for_one',
    ['b terminate crash', 'd terminate "shutdown"', 'c terminate "shutdown"', 'b init', 'c init', 'd init'],
    [0, 1, 1, 1],
  ],
])(
  '%s: the children that are stopped and started with a child that crashed (SUPERVISE-3)',
  async (strategy, lines, restarts) => {
    const { supervisor, trace } = await family(['a', 'b', 'c', 'd'], { strategy })
    trace.worker('b').send('crash')
    await trace.has(lines.at(-1) ?? '')
    await supervisor.startChild({ worker: tracedWorker('e'), context: { trace } })
    expect(trace.lines).toEqual([...lines, 'e init'])
    expect(supervisor.children().map((child) => child.restarts)).toEqual([...restarts, 0])
  },
)

test('one_for_all removes temporary siblings and restarts finished transient ones', async () => {
  const { supervisor, trace } = await family(['a'], { strategy: 'one_for_all' })
  await supervisor.startChild({ worker: tracedWorker('temporary'), context: { trace }, restart: 'temporary' })
  await supervisor.startChild({ worker: tracedWorker('transient'), context: { trace }, restart: 'transient' })
  trace.worker('transient').send('stop', 'normal')
  await trace.worker('transient').exited
  trace.take()
  trace.worker('a').send('crash')
  await trace.has('transient init')
  expect(trace.lines).toEqual([
    'a terminate crash',
    'temporary terminate "shutdown"',
    'a init',
    'transient init',
  ])
  expect(supervisor.children().map((child) => child.id)).toEqual(['a', 'transient'])
})

test('one_for_all: siblings that crash together count as one restart', async () => {
  const { supervisor, trace } = await family(['a', 'b', 'c'], { strategy: 'one_for_all', maxRestarts: 1 })
  for (const name of ['a', 'b', 'c']) trace.worker(name).send('crash')
  await trace.has('c init')
  await supervisor.startChild({ worker: tracedWorker('d'), context: { trace } })
  expect(supervisor.children().map((child) => child.restarts)).toEqual([1, 1, 1, 0])
})

test('rest_for_one: a sibling that fails to restart is restarted next, earlier ones keep running', async () => {
  const trace = new Trace()
  const supervisor = supervise({ strategy: 'rest_for_one' })
  let starts = 0
  const init = () => {
    starts += 1
    if (starts === 2) throw new Error('not yet')
  }
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await supervisor.startChild({ worker: tracedWorker('b'), context: { trace, init } })
  await supervisor.startChild({ worker: tracedWorker('c'), context: { trace } })
  trace.take()
  trace.worker('a').send('crash')
  await trace.has('c init')
  expect(trace.lines).toEqual([
    'a terminate crash',
    'c terminate "shutdown"',
    'b terminate "shutdown"',
    'a init',
    'b init',
    'b init',
    'c init',
  ])
})

test('calls onCrash with the error and the id, and logs', async () => {
  const logger = recordingLogger()
  const crashes: [CallbackError, string][] = []
  const { trace } = await family(['a'], { logger, onCrash: (error, id) => crashes.push([error, id]) })
  trace.worker('a').send('nobody')
  trace.worker('a').send('crash')
  await trace.has('a init')
  const err = crashes[0]?.[0].cause
  expect(crashes).toEqual([[expect.objectContaining({ callback: 'handleInfo.crash' }), 'a']])
  expect(logger.lines).toEqual([
    { level: 'warn', details: { child: 'a' }, message: 'worker has no handler for the message "nobody"' },
    {
      level: 'error',
      details: { child: 'a', err, code: 'PHX_ERR_CALLBACK', owner: 'a', callback: 'handleInfo.crash' },
      message: 'a: handleInfo.crash failed: a broke',
    },
  ])
})

test('an onCrash that throws does not affect the supervisor', async () => {
  const logger = recordingLogger()
  const onCrash = () => {
    throw new Error('hook')
  }
  const { trace } = await family(['a'], { logger, onCrash })
  trace.worker('a').send('crash')
  await trace.has('a init')
  expect(logger.lines.at(-1)).toMatchObject({ level: 'error', message: 'onCrash callback failed' })
})
