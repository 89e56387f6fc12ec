import { expect, onTestFinished, test } from 'vitest'
import { Child } from '../../../server/supervisor/child.ts'
import { Worker } from '../../../server/supervisor/worker.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { Trace } from '../../helpers/trace.ts'
import { tracedWorker } from '../../helpers/traced-worker.ts'

const worker = tracedWorker('w')

function childWith(init: () => void | Promise<void>, shutdown: number | 'brutal_kill' = 5_000): Child {
  const observer = { onCrash() {}, onUnhandled() {} }
  const child = new Child(
    { worker, shutdown },
    () => new Worker(worker, { trace: new Trace(), init }, observer),
  )
  onTestFinished(async () => {
    await child.stop()
  })
  return child
}

test('has a status, and counts the starts after the first', async () => {
  const gate = new Deferred()
  const child = childWith(() => gate.promise)
  const ready = child.start()
  expect(child.info).toEqual({ id: 'w', status: 'starting', restarts: 0 })
  gate.resolve()
  expect(await ready).toBeNull()
  expect(child.info.status).toBe('running')
  const stopped = child.stop()
  expect(child.info.status).toBe('stopping')
  expect(await stopped).toBe(true)
  expect(child.info.status).toBe('stopped')
  await child.start()
  expect(child.info).toEqual({ id: 'w', status: 'running', restarts: 1 })
})

test('stays "stopping" when its init finishes during the stop', async () => {
  const gate = new Deferred()
  const child = childWith(() => gate.promise)
  const ready = child.start()
  const stopped = child.stop()
  gate.resolve()
  await ready
  expect(child.info.status).toBe('stopping')
  expect(await stopped).toBe(true)
})

test('has no instance after a start that failed', async () => {
  const child = childWith(() => {
    throw new Error('no')
  })
  expect(await child.start()).toMatchObject({ callback: 'init' })
  expect(child.instance).toBeNull()
  expect(child.info.status).toBe('stopped')
  expect(await child.stop()).toBe(true)
})

test('stop resolves with false when an instance did not stop in time', async () => {
  const child = childWith(() => new Promise(() => {}), 0)
  const ready = child.start()
  expect(await child.stop()).toBe(false)
  expect(await ready).toBe('killed')
})

test('records only the end of its present instance', async () => {
  const child = childWith(() => {})
  await child.start()
  const first = child.instance
  await child.stop()
  await child.start()
  expect(first !== null && child.ended(first)).toBe(false)
  expect(child.info.status).toBe('running')
  const second = child.instance
  expect(second !== null && child.ended(second)).toBe(true)
})
