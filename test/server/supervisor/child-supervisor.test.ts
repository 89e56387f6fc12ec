import { expect, onTestFinished, test } from 'vitest'
import { Supervisor, type SupervisorOptions } from '../../../server/supervisor/supervisor.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

/** A worker `a`, then a supervisor `nested` that gives up at the first crash of its workers `b` and `c`. */
async function tree(options: Partial<SupervisorOptions> = {}, nested: Partial<SupervisorOptions> = {}) {
  const trace = new Trace()
  const supervisor = new Supervisor({ strategy: 'one_for_one', ...options })
  onTestFinished(() => supervisor.stop())
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await supervisor.startChild({
    id: 'nested',
    supervisor: { strategy: 'one_for_one', maxRestarts: 0, ...nested },
    async init(child) {
      await child.startChild({ worker: tracedWorker('b'), context: { trace } })
      await child.startChild({ worker: tracedWorker('c'), context: { trace } })
    },
  })
  return { supervisor, trace }
}

test('starts its children before the next sibling, and stops them before the previous one', async () => {
  const { supervisor, trace } = await tree()
  expect(supervisor.children()).toEqual([
    { id: 'a', status: 'running', restarts: 0 },
    { id: 'nested', status: 'running', restarts: 0 },
  ])
  await supervisor.stop()
  expect(trace.lines).toEqual([
    'a init',
    'b init',
    'c init',
    'c terminate "shutdown"',
    'b terminate "shutdown"',
    'a terminate "shutdown"',
  ])
})

test('if it gives up, this is one crash for its parent, which creates it again (SUPERVISE-6)', async () => {
  const { supervisor, trace } = await tree({ maxRestarts: 1 })
  trace.take()
  trace.worker('b').send('crash')
  await trace.has('c init')
  expect(trace.take()).toEqual(['b terminate crash', 'c terminate "shutdown"', 'b init', 'c init'])
  await supervisor.startChild({ worker: tracedWorker('d'), context: { trace } })
  expect(supervisor.children()[1]).toEqual({ id: 'nested', status: 'running', restarts: 1 })
  trace.worker('c').send('crash')
  expect(await supervisor.failed).toMatchObject({
    message:
      'nested: restart failed: the restart limit is reached (maxRestarts: 1, maxSeconds: 5), so the supervisor stops',
    cause: {
      cause: {
        message:
          'c: restart failed: the restart limit is reached (maxRestarts: 0, maxSeconds: 5), so the supervisor stops',
      },
    },
  })
  expect(trace.lines.at(-1)).toBe('a terminate "shutdown"')
})

test('restarts its own children without telling its parent', async () => {
  const { supervisor, trace } = await tree({}, { maxRestarts: 3 })
  trace.worker('b').send('crash')
  await trace.has('b init', 2)
  expect(supervisor.children().map((child) => child.restarts)).toEqual([0, 0])
})

test('a failing init stops the children started so far and rejects the start', async () => {
  const trace = new Trace()
  const crashes: string[] = []
  const supervisor = new Supervisor({
    strategy: 'one_for_one',
    onCrash: (error, id) => crashes.push(`${id} ${error.callback}`),
  })
  onTestFinished(() => supervisor.stop())
  const refused = supervisor.startChild({
    id: 'nested',
    supervisor: { strategy: 'one_for_one' },
    async init(child) {
      await child.startChild({ worker: tracedWorker('b'), context: { trace } })
      throw new Error('no')
    },
  })
  await expect(refused).rejects.toMatchObject({ owner: 'nested', callback: 'init', cause: { message: 'no' } })
  expect(trace.lines).toEqual(['b init', 'b terminate "shutdown"'])
  expect(supervisor.children()).toEqual([])
  expect(crashes).toEqual(['nested init'])
})

test('options with an illegal value are refused and leave no child behind', async () => {
  const supervisor = new Supervisor({ strategy: 'one_for_one' })
  await expect(
    supervisor.startChild({
      id: 'nested',
      supervisor: { strategy: 'one_for_one', maxSeconds: -1 },
      init() {},
    }),
  ).rejects.toMatchObject({
    name: 'UsageError',
    message: 'child "nested": `supervisor.maxSeconds` must be a number above 0 (got -1)',
  })
  expect(supervisor.children()).toEqual([])
})

test("inherits its parent's logger and onCrash unless it has its own", async () => {
  const parents: string[] = []
  const own: string[] = []
  const absent = { logger: undefined, onCrash: undefined } as object
  const first = await tree({ onCrash: (error, id) => parents.push(`${id} ${error.callback}`) }, absent)
  first.trace.worker('b').send('crash')
  await first.trace.has('b init', 2)
  expect(parents).toEqual(['b handleInfo.crash', 'b restart'])

  const second = await tree({}, { onCrash: (_error, id) => own.push(id) })
  second.trace.worker('c').send('crash')
  await second.trace.has('c init', 2)
  expect(own).toEqual(['c', 'c'])
})

test('stop does not wait for an init that never finishes', async () => {
  const supervisor = new Supervisor({ strategy: 'one_for_one' })
  const refused = expect(
    supervisor.startChild({
      id: 'nested',
      supervisor: { strategy: 'one_for_one' },
      init: () => new Promise(() => {}),
    }),
  ).rejects.toThrow('the supervisor has stopped')
  await Promise.resolve()
  await supervisor.stop()
  await refused
})
