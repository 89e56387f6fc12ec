import type { Growth } from './growth.ts'
import { provoked } from './judge-metrics.ts'
import type { Verdict } from './judge-soak.ts'
import type { Run, Sample } from './records.ts'

/** Readable summary of a run. */
export function report({ findings, heard, churn, heap, rss }: Verdict, run: Run): string {
  const { said, steady, samples, rushes, start, metrics } = run
  const messages = Object.values(said).reduce((sum, count) => sum + count, 0)
  const guests = Object.values(churn).reduce((sum, count) => sum + count, 0)
  const seconds = (samples.at(-1)?.at ?? 0) / 1_000
  const lines = [
    `${steady.length} steady clients heard ${heard} times one of ${messages} messages`,
    `${guests} others came and went, ${(guests / seconds).toFixed(0)} a second: ${listOf(churn)}`,
    `${rushes.length} rounds of offences, the longest took ${(Math.max(...rushes.map(({ tookMs }) => tookMs)) / 1_000).toFixed(1)} s`,
    `heap and external, MB: ${bytesOf(samples, 'heldBytes')}; ${growth(heap)}`,
    `resident, MB: ${bytesOf(samples, 'rssBytes')}; ${growth(rss)}`,
    `without clients: ${listOf(start)}`,
    ...provoked.map((name) => `${name} +${(metrics.after[name] ?? 0) - (metrics.before[name] ?? 0)}`),
    `${findings.length} findings`,
  ]
  return `${lines.join('\n')}\n`
}

function bytesOf(samples: readonly Sample[], which: 'heldBytes' | 'rssBytes'): string {
  return samples.map((sample) => (sample[which] / 1e6).toFixed(2)).join(' ')
}

function growth({ perMinute, inTotal }: Growth): string {
  const percent = (part: number): string => `${(part * 100).toFixed(2)} %`
  return `in the last two thirds ${percent(perMinute)} a minute, ${percent(inTotal)} in total`
}

function listOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')
}
