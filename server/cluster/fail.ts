import { isOwnWorker } from '../runtime/own-worker.ts'
import type { Report } from './messages.ts'

/**
 * Write the reason to stderr and exit with code 1. A worker process sends the reason to the primary instead, and then
 * exits with code 1.
 */
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

/** Return the message of an error. If the error is a bug (a TypeError or similar, without `code`), return its stack. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const isBug = [TypeError, ReferenceError, SyntaxError, RangeError].some((bug) => error instanceof bug)
  return isBug && !('code' in error) ? String(error.stack) : error.message
}
