import type { Report } from './cluster/messages.ts'
import { isOwnWorker } from './cluster/own-worker.ts'

/** End the process with code 1 and one clear line; that of a worker process is written by its primary. */
export function fail(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  if (isOwnWorker()) {
    const report: Report = { report: 'failed', reason }
    process.send?.(report, () => process.exit(1))
  } else {
    process.stderr.write(`fastify-phoenix: ${reason}\n`)
    process.exit(1)
  }
}
