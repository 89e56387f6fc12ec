import { fail } from '../fail.ts'
import { type Serving, serve } from '../serve.ts'
import type { Settings } from '../settings.ts'
import { type Order, type Report, readOrder } from './messages.ts'

/** Be a worker process: serve, and follow the primary. Rejects with what makes it useless to go on. */
export async function obey(settings: Settings): Promise<void> {
  // A Ctrl-C reaches the whole group of processes; what comes of it is the primary's to say.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('SIGTERM', () => tell({ report: 'retire' }))
  const serving = serve(settings)
  process.on('message', (message) => void follow(readOrder(message), serving).catch(fail))
  const { failed, stop } = await serving
  const error = await failed
  await stop()
  throw error
}

async function follow(order: Order['order'] | null, serving: Promise<Serving>): Promise<void> {
  if (order === null) return
  const { leave, pause, stop } = await serving
  switch (order) {
    case 'leave':
      return leave()
    case 'pause':
      await pause()
      return tell({ report: 'paused' })
    case 'drain':
      await stop()
      process.exit(0)
  }
}

function tell(report: Report): void {
  process.send?.(report)
}
