import { sendLastMetrics } from '../metrics/last-metrics.ts'
import { ignore } from '../runtime/promise.ts'
import { fail } from './fail.ts'
import { type Order, type Report, readOrder } from './messages.ts'
import { type Serving, type Started, serve } from './serving.ts'

/** Serve as a worker process and obey the primary's orders. Rejects with the reason if the server cannot start. */
export async function runWorker(start: () => Started | Promise<Started>, isShared: boolean): Promise<void> {
  // Ignore both signals: the terminal sends them to the whole process group, and the primary handles them.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('SIGTERM', () => tell({ report: 'retire' }))
  const started = serve(start)
  process.on('message', (message) => void follow(readOrder(message), started).catch(fail))
  const serving = await started
  if (isShared) serving.checkIsShared()
  tell({ report: 'started' })
  void serving.failed.then(async (error) => {
    // If the server cannot stop either, the first error is the one to report.
    await serving.stop(sendLastMetrics).catch(ignore)
    fail(error)
  }, fail)
}

async function follow(order: Order['order'] | null, started: Promise<Serving>): Promise<void> {
  if (order === null) return
  const serving = await started
  switch (order) {
    case 'leave':
      return serving.leave()
    case 'pause':
      await serving.pause()
      return tell({ report: 'paused' })
    case 'drain':
      await serving.stop(sendLastMetrics)
      process.exit(0)
  }
}

function tell(report: Report): void {
  process.send?.(report)
}
