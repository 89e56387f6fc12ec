import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { LoopDelayGauge } from '../../../server/metrics/loop-delay-gauge.ts'

/** Keep the event loop busy. */
function stall(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('shows a stall until it is read', async () => {
  const delay = new LoopDelayGauge()
  delay.start()
  onTestFinished(() => delay.stop())
  await sleep(100)
  stall(300)
  await sleep(100)
  const longest = () => delay.read().find(({ labels }) => labels['quantile'] === '1')?.value ?? 0
  expect(longest()).toBeGreaterThan(0.2)
  // Nothing has been seen since.
  expect(longest()).toBe(0)
})

test('is a number even before the first sample', () => {
  const delay = new LoopDelayGauge()
  delay.start()
  onTestFinished(() => delay.stop())
  expect(delay.read().map(({ value }) => value)).toEqual([0, 0, 0])
})
