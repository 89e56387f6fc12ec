import { isOwnWorker } from '../runtime/own-worker.ts'
import type { Report } from './messages.ts'

/** End the process with code 1 and one line. The line of a worker process is written by its primary. */
export function fail(error: unknown): void {
  const reason = reasonOf(error)
  if (isOwnWorker()) {
    const report: Report = { report: 'failed', reason }
    process.send?.(report, () => process.exit(1))
  } else {
    process.stderr.write(`fastify-phoenix: ${reason}\n`)
    process.exit(1)
  }
}

/** The message of an error; of a programming error, its stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isBug = [TypeError, ReferenceError, SyntaxError, RangeError].some((bug) => error instanceof bug)
  return isBug && !('code' in error) ? String(error.stack) : error.message
}
