import { sendLastMetrics } from '../metrics/last-metrics.ts'
import { fail } from './fail.ts'
import { type Order, type Report, readOrder } from './messages.ts'
import { type Serving, type Started, serve } from './serving.ts'

/** Serve as a worker process and obey the primary's orders. Rejects with the reason if the server cannot start. */
export async function runWorker(start: () => Started | Promise<Started>, isShared: boolean): Promise<void> {
  // Ignore both signals: the terminal sends them to the whole process group, and the primary handles them.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('SIGTERM', () => tell({ report: 'retire' }))
  const serving = serve(start)
  process.on('message', (message) => void follow(readOrder(message), serving).catch(fail))
  const { failed } = await serving
  if (isShared) (await serving).checkIsShared()
  tell({ report: 'started' })
  void failed.then(async (error) => {
    await (await serving).stop(sendLastMetrics)
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
