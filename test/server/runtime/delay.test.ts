import { expect, test } from 'vitest'
import { UsageError } from '../../../server/errors.ts'
import { checkDelay, MAX_DELAY_MS } from '../../../server/runtime/delay.ts'

test.each([0, 0.5, MAX_DELAY_MS])('a timer supports a delay of %d ms', (ms) => {
  expect(() => checkDelay('wait', ms)).not.toThrow()
})

test.each([-1, MAX_DELAY_MS + 1, Number.NaN, Number.POSITIVE_INFINITY])(
  'no timer supports a delay of %d ms',
  (ms) => {
    expect(() => checkDelay('wait', ms)).toThrow(UsageError)
    expect(() => checkDelay('wait', ms)).toThrow(
      `the delay of wait must be a number of milliseconds from 0 to 2147483647 (got ${ms})`,
    )
  },
)
