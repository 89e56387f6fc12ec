import cluster, { Worker } from 'node:cluster'
import { EventEmitter } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WorkerProcess } from '../../../server/cluster/worker-process.ts'

/** `cluster.fork` without a free file descriptor: the process has no `send`, and tells the error later. */
function failForks() {
  const child = Object.assign(new EventEmitter(), { kill: () => false })
  // The constructor is not declared.
  const worker: Worker = Reflect.construct(Worker, [{ process: child }])
  const fork = vi.spyOn(cluster, 'fork').mockReturnValue(worker)
  onTestFinished(() => fork.mockRestore())
  return (message: string) => child.emit('error', new Error(message))
}

test('a process that cannot be forked has failed to start, and takes all orders', async () => {
  const fail = failForks()
  const worker = new WorkerProcess({ startLimit: 1_000, onRetire() {} })
  fail('spawn node EMFILE')
  fail('spawn node EMFILE')
  const ending = { isClean: false, reason: 'spawn node EMFILE' }
  expect(await worker.exited).toEqual(ending)
  expect(await worker.started).toBe('spawn node EMFILE')
  worker.leave()
  await worker.pause()
  expect(await worker.drain()).toEqual(ending)
  await nextTurn()
})
