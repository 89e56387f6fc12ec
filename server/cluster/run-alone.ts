import { setTimeout as sleep } from 'node:timers/promises'
import { ignore } from '../runtime/promise.ts'
import { fail } from './fail.ts'
import { type Started, serve } from './serving.ts'
import { onStopSignal } from './signals.ts'

/** Serve in this process, without worker processes. Rejects with the reason why the server cannot start. */
export async function runAlone(
  start: () => Started | Promise<Started>,
  shutdownDelay: number,
): Promise<void> {
  const started = serve(start)
  const stop = async (): Promise<void> => {
    const serving = await started
    serving.leave()
    await sleep(shutdownDelay)
    await serving.stop()
  }
  onStopSignal(() => void stop().then(() => process.exit(0), fail))
  const serving = await started
  void serving.failed.then(async (error) => {
    // If the server cannot stop either, the first error is the one to report.
    await serving.stop().catch(ignore)
    fail(error)
  }, fail)
}
