import { expect, test } from 'vitest'
import { describePlot, plots } from '../../../client/dashboard/plots.ts'

test('a plot describes itself in words', () => {
  const plot = plots.find(({ title }) => title === 'Handler latency')
  if (plot === undefined) throw new Error('there is no such plot')
  expect(describePlot(plot, ['1.2 ms', '3 ms'])).toBe('Handler latency: mean 1.2 ms, p99 3 ms')
  expect(describePlot(plot, ['–', '–'])).toBe('Handler latency: mean none, p99 none')
})

test('a plot has at most as many lines as there are colours', () => {
  for (const { series } of plots) expect(series.length).toBeLessThanOrEqual(2)
})
