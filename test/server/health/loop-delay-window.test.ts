import { expect, onTestFinished, test } from 'vitest'
import { LoopDelayWindow } from '../../../server/health/loop-delay-window.ts'
import { keepBusy } from '../../helpers/keep-busy.ts'
import { until } from '../../helpers/until.ts'

test('is high while turns are long, and low again afterwards', async () => {
  const delay = new LoopDelayWindow()
  onTestFinished(() => delay.stop())
  expect([delay.ms, delay.maxMs]).toEqual([0, 0])

  const rest = keepBusy(100)
  await until(() => delay.ms > 60)
  expect(delay.maxMs).toBeGreaterThanOrEqual(delay.ms)
  rest()

  await until(() => delay.ms < 60)
})
