import { checkOption, rule } from '../../protocol/check.ts'

/** The longest delay of a timer in ms; with a longer one setTimeout fires at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1

/** A delay that a timer can wait. */
export const delay = rule(
  `a number of milliseconds from 0 to ${MAX_DELAY_MS}`,
  (value) => typeof value === 'number' && value >= 0 && value <= MAX_DELAY_MS,
)

/** A time limit, which is of no use when it is over at once. */
export const timeLimit = rule(
  `an integer number of milliseconds from 1 to ${MAX_DELAY_MS}`,
  (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_DELAY_MS,
)

/** Refuse a delay that no timer can wait. @throws UsageError that names the call. */
export function checkDelay(call: string, ms: number): void {
  checkOption(`the delay of ${call}`, ms, delay)
}
