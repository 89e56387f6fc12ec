import { type Counts, changes } from '../load/counts.ts'
import type { Finding as LoadFinding } from '../load/finding.ts'
import { Sequence } from '../load/sequence.ts'
import { type Growth, growthOf } from './growth.ts'
import { judgeMetrics } from './judge-metrics.ts'
import type { Run, SteadyRecord } from './records.ts'

/** Faults that a run must not show. */
export type Finding = LoadFinding<
  'missed' | 'doubled' | 'misordered' | 'ended' | 'complaint' | 'growth' | 'held' | 'left over' | 'metrics'
>

/** Findings, and the amount of examined traffic, because a run without traffic has no findings either. */
export type Verdict = {
  readonly findings: readonly Finding[]
  /** Number of messages that steady clients received. */
  readonly heard: number
  /** Number of connections that came and went, by outcome. */
  readonly churn: Counts
  readonly heap: Growth
  readonly rss: Growth
}

/** Maximum relative growth of the heap per minute: the stricter limit in a short run. */
const HEAP_PER_MINUTE = 0.01
/** Maximum relative growth of the heap in total: the stricter limit in a long run. */
const HEAP_IN_TOTAL = 0.02
/** Maximum relative growth of the resident memory in total. */
const RSS_IN_TOTAL = 0.1

/** Find the faults of a run in its records. */
export function judge(run: Run): Verdict {
  const { samples, rushes, start, end } = run
  const deliveries = judgeDeliveries(run)
  const heap = growthOf(samples.map(({ at, heldBytes: value }) => ({ at, value })))
  const rss = growthOf(samples.map(({ at, rssBytes: value }) => ({ at, value })))
  const findings = [
    ...deliveries.findings,
    ...rushes.flatMap(({ complaints }, round) =>
      complaints.map((text): Finding => ({ kind: 'complaint', text: `round ${round + 1}, ${text}` })),
    ),
    ...tooMuch('heap, per minute', heap.perMinute, HEAP_PER_MINUTE),
    ...tooMuch('heap, in total', heap.inTotal, HEAP_IN_TOTAL),
    ...tooMuch('resident memory, in total', rss.inTotal, RSS_IN_TOTAL),
    ...judgeSamples(run),
    ...differences(start, end).map((text): Finding => ({ kind: 'left over', text: `${text} at the start` })),
    ...judgeMetrics(run),
  ]
  return { findings, heard: deliveries.heard, churn: sumOf(rushes.map(({ churn }) => churn)), heap, rss }
}

function tooMuch(what: string, growth: number, limit: number): Finding[] {
  if (growth < limit) return []
  return [{ kind: 'growth', text: `${what}: ${(growth * 100).toFixed(2)} %` }]
}

/** Find differences after each round, when only the steady clients and their resources must remain. */
function judgeSamples({ samples: [first, ...others] }: Run): Finding[] {
  return others.flatMap(({ at, counts }) =>
    differences(first?.counts ?? {}, counts).map((text): Finding => {
      return { kind: 'held', text: `after ${(at / 1_000).toFixed(0)} s ${text} before` }
    }),
  )
}

/** Describe the counts that are higher or lower than before. */
export function differences(before: Counts, after: Counts): string[] {
  return changes(before, after).map(({ name, was, is }) => `${is} ${name}, as against ${was}`)
}

function sumOf(all: readonly Counts[]): Counts {
  const sum: Record<string, number> = {}
  for (const [what, count] of all.flatMap((counts) => Object.entries(counts))) {
    sum[what] = (sum[what] ?? 0) + count
  }
  return sum
}

/**
 * Judge the deliveries. Each steady client must receive each message of its room once and in order, and remain joined.
 */
export function judgeDeliveries({ steady, said }: Pick<Run, 'steady' | 'said'>): {
  readonly findings: Finding[]
  readonly heard: number
} {
  let heard = 0
  const findings: Finding[] = []
  for (const record of steady) {
    const numbers = record.heard.flatMap(([from, to]) =>
      Array.from({ length: to - from + 1 }, (_, n) => from + n),
    )
    heard += numbers.length
    findings.push(...judgeOne(record, numbers, said[record.room] ?? 0))
  }
  return { findings, heard }
}

function judgeOne(
  { id, via, room, endedWith }: SteadyRecord,
  heard: readonly number[],
  said: number,
): Finding[] {
  const findings: Finding[] = []
  const find = (kind: Finding['kind'], what: string): void => {
    findings.push({ kind, text: `${id} (${via}, ${room}) ${what}` })
  }
  if (endedWith !== null) find('ended', `is gone: ${endedWith}`)
  const sequence = new Sequence()
  for (const n of heard) {
    const before = sequence.highest
    const kind = sequence.hear(n)
    if (kind !== null) find(kind, kind === 'doubled' ? `heard ${n} again` : `heard ${n} after ${before}`)
  }
  for (let n = 1; n <= said; n += 1) if (!sequence.has(n)) find('missed', `missed ${n} of ${said}`)
  return findings
}
