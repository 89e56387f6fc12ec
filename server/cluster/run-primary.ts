import { fail } from './fail.ts'
import { Primary, type PrimaryOptions } from './primary.ts'
import { onStopSignal } from './signals.ts'

/** Run worker processes that share a port. Rejects with the reason if a worker process cannot start. */
export async function runPrimary(options: PrimaryOptions): Promise<void> {
  const primary = new Primary(options)
  await mergeMetrics()
  process.once('exit', () => primary.kill())
  const stop = async (): Promise<never> => process.exit((await primary.stop()) ? 0 : 1)
  onStopSignal(() => void stop())
  process.on('SIGHUP', () => primary.reload())
  // Wait for `failed` from now on: if SIGHUP, or SIGTERM to a worker process, comes during the start, a successor can
  // fail before `start` ends.
  void primary.failed.then(async (error) => {
    await primary.stop()
    fail(error)
  })
  await primary.start()
}

/** Merge the metrics of the worker processes, if the application has installed prom-client. */
async function mergeMetrics(): Promise<void> {
  try {
    const metrics = await import('../metrics/index.ts')
    metrics.mergeMetrics()
  } catch (error) {
    if (Object(error).code !== 'ERR_MODULE_NOT_FOUND') throw error
  }
}
