import { expect, test } from 'vitest'
import { Deferred } from '../../helpers/deferred.ts'
import { family, supervise } from '../../helpers/supervise.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

test('stop ends a child for good, even a permanent one, and frees its id (SUPERVISE-7)', async () => {
  const { supervisor, trace } = await family(['a', 'b'])
  const handle = supervisor.whereis('a')
  expect(handle?.info).toEqual({ id: 'a', status: 'running', restarts: 0 })
  await handle?.stop()
  expect(trace.take()).toEqual(['a terminate "shutdown"'])
  expect(supervisor.whereis('a')).toBeNull()
  expect(handle?.info.status).toBe('stopped')
  const next = await supervisor.startChild({ worker: tracedWorker('a'), context: { trace } })
  await handle?.stop()
  expect(next.info.status).toBe('running')
})

test('terminateChild keeps the entry, restartChild starts it again, deleteChild removes it (SUPERVISE-7)', async () => {
  const { supervisor, trace } = await family(['a', 'b'])
  expect(await supervisor.deleteChild('a')).toBe(false)
  expect(await supervisor.terminateChild('a')).toBe(true)
  expect(supervisor.children()[0]).toEqual({ id: 'a', status: 'stopped', restarts: 0 })
  expect(supervisor.whereis('a')?.send('add')).toBe(false)
  const again = await supervisor.restartChild('a')
  again.send('add')
  await trace.has('a count 1')
  await supervisor.terminateChild('a')
  expect(await supervisor.deleteChild('a')).toBe(true)
  expect(supervisor.children().map(({ id }) => id)).toEqual(['b'])
  expect(await supervisor.terminateChild('a')).toBe(false)
  expect(await supervisor.deleteChild('a')).toBe(false)
})

test('restartChild rejects for a running child, an unknown one, and a failing init (SUPERVISE-7)', async () => {
  const supervisor = supervise()
  const trace = new Trace()
  let starts = 0
  const init = () => {
    starts += 1
    if (starts === 2) throw new Error('no database')
  }
  await supervisor.startChild({ worker: tracedWorker('a'), context: { trace, init } })
  await expect(supervisor.restartChild('a')).rejects.toThrow('child "a" cannot be restarted: it is running')
  await expect(supervisor.restartChild('x')).rejects.toThrow(
    'unknown child "x". Children of this supervisor: a',
  )
  await supervisor.terminateChild('a')
  await expect(supervisor.restartChild('a')).rejects.toThrow('a: init failed: no database')
  expect(supervisor.children()).toMatchObject([{ id: 'a', status: 'stopped' }])
  await supervisor.restartChild('a')
  await supervisor.terminateChild('a')
  await supervisor.stop()
  await expect(supervisor.restartChild('a')).rejects.toThrow('the supervisor has stopped')
})

test('a temporary or dynamic child loses its entry by terminateChild and by its own end (SUPERVISE-8)', async () => {
  const { supervisor, trace } = await family([])
  const start = (id: string, dynamic: boolean, restart: 'temporary' | 'transient') =>
    supervisor.startChild({ id, worker: tracedWorker(id), context: { trace }, dynamic, restart })
  await start('kept', false, 'transient')
  for (const id of ['a', 'b']) await start(id, true, 'transient')
  await start('c', false, 'temporary')
  await supervisor.terminateChild('a')
  await supervisor.terminateChild('c')
  trace.worker('b').send('stop', 'normal')
  trace.worker('kept').send('stop', 'normal')
  await trace.worker('kept').exited
  // Each end is handled before what is asked for afterwards.
  expect(await supervisor.terminateChild('none')).toBe(false)
  expect(supervisor.children().map(({ id }) => id)).toEqual(['kept'])
})

test('a dynamic child that crashes is restarted (SUPERVISE-8)', async () => {
  const { supervisor, trace } = await family([])
  const spec = { worker: tracedWorker('a'), context: { trace }, dynamic: true, restart: 'transient' } as const
  const handle = await supervisor.startChild(spec)
  handle.send('crash')
  await trace.has('a init', 2)
  handle.send('add')
  await trace.has('a count 1')
})

test('a supervisor takes no messages and no calls', async () => {
  const supervisor = supervise()
  const nested = await supervisor.startChild({ id: 'n', supervisor: { strategy: 'one_for_one' }, init() {} })
  expect(nested.send('add')).toBe(false)
  await expect(supervisor.whereis('n')?.call('count')).rejects.toMatchObject({ reason: 'not_running' })
  await nested.stop()
  expect(supervisor.children()).toEqual([])
})

test('ensureChild starts one child for concurrent callers, and again after its end (SUPERVISE-9)', async () => {
  const { supervisor, trace } = await family([])
  const gate = new Deferred()
  const spec = (init?: () => Promise<void>) =>
    ({ worker: tracedWorker('a'), context: { trace, ...(init && { init }) }, restart: 'transient' }) as const
  const starts = [supervisor.ensureChild(spec(() => gate.promise)), supervisor.ensureChild(spec())]
  gate.resolve()
  for (const handle of await Promise.all(starts)) expect(handle.id).toBe('a')
  expect(trace.take()).toEqual(['a init'])
  trace.worker('a').send('stop', 'normal')
  await trace.has('a terminate "normal"')
  const again = await supervisor.ensureChild(spec())
  expect(again.send('add')).toBe(true)
  await trace.has('a count 1')
  again.send('crash')
  await trace.has('a terminate crash')
  const restarted = await supervisor.ensureChild(spec())
  expect(restarted.send('add')).toBe(true)
  await trace.has('a count 1', 2)
})
