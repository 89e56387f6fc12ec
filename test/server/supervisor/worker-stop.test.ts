import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { defineWorker } from '../../../server/supervisor/define-worker.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { makeWorker, startWorker } from '../../helpers/start-worker.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

function gatedWorker(trace: Trace, gate: Promise<void>) {
  return defineWorker({
    name: 'w',
    init() {},
    handleInfo: {
      async slow() {
        trace.add('slow begins')
        await gate
        trace.add('slow ends')
      },
      next: () => trace.add('next'),
    },
  })
}

test('a stopping worker handles earlier messages and drops later ones (WORKER-4)', async () => {
  const trace = new Trace()
  const { worker } = await startWorker(tracedWorker('w'), { trace })
  worker.send('add')
  worker.send('add')
  worker.sendAfter(0, 'add')
  worker.stop()
  worker.send('add')
  expect(await worker.exited).toBe('shutdown')
  expect(trace.lines).toEqual(['w init', 'w count 1', 'w count 2', 'w terminate "shutdown"'])
})

test('a stop during a callback waits for it and for the messages behind it', async () => {
  const trace = new Trace()
  const gate = new Deferred()
  const { worker } = await startWorker(gatedWorker(trace, gate.promise), undefined)
  worker.send('slow')
  await trace.has('slow begins')
  worker.send('next')
  worker.stop()
  worker.send('never')
  gate.resolve()
  expect(await worker.exited).toBe('shutdown')
  expect(trace.lines).toEqual(['slow begins', 'slow ends', 'next'])
})

test('a stop wakes an idle worker, and one during init waits for init', async () => {
  const trace = new Trace()
  const idle = await startWorker(tracedWorker('idle'), { trace })
  await nextTurn()
  idle.worker.stop()
  expect(await idle.worker.exited).toBe('shutdown')

  const gate = new Deferred()
  const { worker } = makeWorker(tracedWorker('w'), { trace, init: () => gate.promise })
  const ready = worker.start()
  worker.stop()
  gate.resolve()
  expect(await ready).toBeNull()
  expect(await worker.exited).toBe('shutdown')
  expect(trace.lines.at(-1)).toBe('w terminate "shutdown"')
})

test('a killed worker does not terminate, and a later crash of its abandoned callback is only reported', async () => {
  const trace = new Trace()
  const gate = new Deferred()
  const definition = defineWorker({
    name: 'w',
    init() {},
    handleInfo: {
      async slow(_value, _state, worker) {
        trace.add('slow')
        await gate.promise
        worker.send('never')
        worker.sendAfter(0, 'never')
        throw new Error('late')
      },
      never: () => trace.add('never'),
    },
    terminate: () => trace.add('terminate'),
  })
  const { worker, crashes } = await startWorker(definition, undefined)
  worker.send('slow')
  worker.send('never')
  await trace.has('slow')
  worker.kill()
  expect(await worker.exited).toBe('killed')
  gate.resolve()
  await nextTurn()
  expect(crashes).toMatchObject([{ cause: { message: 'late' } }])
  expect(trace.lines).toEqual(['slow'])
})

test('a killed worker handles none of the messages that were waiting', async () => {
  const trace = new Trace()
  const gate = new Deferred()
  const { worker } = await startWorker(gatedWorker(trace, gate.promise), undefined)
  worker.send('slow')
  worker.send('next')
  await trace.has('slow begins')
  worker.send('next')
  worker.kill()
  gate.resolve()
  await nextTurn()
  expect(trace.lines).toEqual(['slow begins', 'slow ends'])
})

test('a worker killed during init reports that, and its state is never used', async () => {
  const trace = new Trace()
  const gate = new Deferred()
  const { worker } = makeWorker(tracedWorker('w'), { trace, init: () => gate.promise })
  const ready = worker.start()
  worker.send('add')
  worker.kill()
  expect(await ready).toBe('killed')
  gate.resolve()
  await nextTurn()
  expect(trace.lines).toEqual(['w init'])
})
