import type { Figures } from '../../server/dashboard/contract.ts'
import { type Format, formatByteRate, formatBytes, formatCount, formatMs } from './format.ts'

/** One line of a plot. `value` returns null if there is nothing to draw. */
export type Series = { readonly name: string; readonly value: (figures: Figures) => number | null }

/** Plot of one or two lines over time. */
export type Plot = {
  readonly title: string
  readonly format: Format
  readonly series: readonly Series[]
}

/** Text for a missing value. */
export const NOTHING = '–'

/** All plots, in the order of the page. */
export const plots: readonly Plot[] = [
  {
    title: 'Connections',
    format: formatCount,
    series: [
      { name: 'WebSocket', value: ({ connections }) => connections.websocket },
      { name: 'long-poll', value: ({ connections }) => connections.longpoll },
    ],
  },
  {
    title: 'Messages per second',
    format: formatCount,
    series: [
      { name: 'in', value: ({ messages }) => messages.in },
      { name: 'out', value: ({ messages }) => messages.out },
    ],
  },
  {
    title: 'Traffic',
    format: formatByteRate,
    series: [
      { name: 'in', value: ({ bytes }) => bytes.in },
      { name: 'out', value: ({ bytes }) => bytes.out },
    ],
  },
  {
    title: 'Handler latency',
    format: formatMs,
    series: [
      { name: 'mean', value: ({ latency }) => latency?.mean ?? null },
      { name: 'p99', value: ({ latency }) => latency?.p99 ?? null },
    ],
  },
  {
    title: 'Event-loop delay',
    format: formatMs,
    series: [
      { name: 'mean', value: ({ loopDelay }) => loopDelay.mean },
      { name: 'longest', value: ({ loopDelay }) => loopDelay.max },
    ],
  },
  {
    title: 'Memory',
    format: formatBytes,
    series: [
      { name: 'resident', value: ({ memory }) => memory.rss },
      { name: 'heap used', value: ({ memory }) => memory.heap },
    ],
  },
]

/** Text with a plot's current values, for screen readers. */
export function describePlot({ title, series }: Plot, texts: readonly string[]): string {
  const parts = series.map(({ name }, index) => {
    const text = texts[index] ?? NOTHING
    return `${name} ${text === NOTHING ? 'none' : text}`
  })
  return `${title}: ${parts.join(', ')}`
}
