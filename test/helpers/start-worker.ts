import { onTestFinished } from 'vitest'
import type { CallbackError } from '../../server/errors.ts'
import type { WorkerDefinition } from '../../server/supervisor/define-worker.ts'
import { Worker } from '../../server/supervisor/worker.ts'

/** A worker that is killed when the test has finished, and what it reports. */
export function makeWorker<C>(definition: WorkerDefinition<C>, context: C) {
  const crashes: CallbackError[] = []
  const unhandled: string[] = []
  const worker = new Worker(definition, context, {
    onCrash: (error) => crashes.push(error),
    onUnhandled: (name) => unhandled.push(name),
  })
  onTestFinished(() => worker.kill())
  return { worker, crashes, unhandled }
}

/** The same, started. */
export async function startWorker<C>(definition: WorkerDefinition<C>, context: C) {
  const made = makeWorker(definition, context)
  const exit = await made.worker.start()
  if (exit !== null) throw new Error(`did not start: ${exit}`)
  return made
}
