import { defineWorker, type WorkerStop } from '../../server/supervisor/define-worker.ts'
import type { AnnouncedExit } from '../../server/supervisor/supervised.ts'
import type { Trace } from './trace.ts'

type Traced = {
  trace: Trace
  /** Runs in `init`, after its line. */
  init?: () => void | Promise<void>
  /** Runs in `terminate`, before its line. */
  terminate?: () => void | Promise<void>
}

/** A worker that traces its life; it can be told to `crash`, `stop` or `hang`, and counts with `add`. */
export function tracedWorker(name: string) {
  return defineWorker({
    name,
    async init(context: Traced, worker) {
      context.trace.started(name, worker)
      await context.init?.()
      return { ...context, count: 0 }
    },
    handleInfo: {
      add(_value, state) {
        state.count += 1
        state.trace.add(`${name} count ${state.count}`)
      },
      crash() {
        throw new Error(`${name} broke`)
      },
      stop(reason: string | AnnouncedExit | Error): WorkerStop {
        return { stop: reason }
      },
      hang: () => new Promise(() => {}),
    },
    async terminate(reason, state) {
      await state.terminate?.()
      state.trace.add(`${name} terminate ${reason instanceof Error ? 'crash' : JSON.stringify(reason)}`)
    },
  })
}
