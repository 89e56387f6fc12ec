import { UsageError } from './errors.ts'

/** The longest delay of a timer in ms; with a longer one setTimeout fires at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1

/** Refuse a delay that no timer can wait. @throws UsageError that names the call. */
export function checkDelay(call: string, ms: number): void {
  if (ms >= 0 && ms <= MAX_DELAY_MS) return
  throw new UsageError('PHX_ERR_OPTION', `${call}: ${ms} ms is not between 0 and ${MAX_DELAY_MS}`)
}
