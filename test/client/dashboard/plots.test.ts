import { expect, test } from 'vitest'
import { describePlot, plots } from '../../../client/dashboard/plots.ts'

test('a plot says in words what it shows', () => {
  const plot = plots.find(({ title }) => title === 'Handler latency')
  if (plot === undefined) throw new Error('there is no such plot')
  expect(describePlot(plot, ['1.2 ms', '3 ms'])).toBe('Handler latency: mean 1.2 ms, p99 3 ms')
  expect(describePlot(plot, ['–', '–'])).toBe('Handler latency: mean none, p99 none')
})

test('no plot has more lines than there are colours', () => {
  for (const { series } of plots) expect(series.length).toBeLessThanOrEqual(2)
})
