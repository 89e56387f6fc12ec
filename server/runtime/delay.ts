import { checkOption, rule } from '../../protocol/check.ts'

/** Longest delay of a timer, in milliseconds. With a longer delay, `setTimeout` fires immediately. */
export const MAX_DELAY_MS = 2 ** 31 - 1

/** Rule: a delay for a timer. */
export const delay = rule(
  `a number of milliseconds from 0 to ${MAX_DELAY_MS}`,
  (value) => typeof value === 'number' && value >= 0 && value <= MAX_DELAY_MS,
)

/** Rule: a time limit for a timer, at least 1 millisecond. */
export const timeLimit = rule(
  `an integer number of milliseconds from 1 to ${MAX_DELAY_MS}`,
  (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_DELAY_MS,
)

/**
 * Check the delay `ms`. `call` is the name of the method that received the delay, for the error message.
 * @throws UsageError when `ms` is not a valid delay for a timer.
 */
export function checkDelay(call: string, ms: number): void {
  checkOption(`the delay of ${call}`, ms, delay)
}
