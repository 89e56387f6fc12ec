import type { Finding } from './judge.ts'
import type { Run, SteadyRecord } from './records.ts'

/** Each steady client hears each message of its room, once and in order, and stays. */
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
  const seen = new Set<number>()
  let highest = 0
  for (const n of heard) {
    if (seen.has(n)) find('doubled', `heard ${n} again`)
    else if (n < highest) find('misordered', `heard ${n} after ${highest}`)
    seen.add(n)
    highest = Math.max(highest, n)
  }
  for (let n = 1; n <= said; n += 1) if (!seen.has(n)) find('missed', `missed ${n} of ${said}`)
  return findings
}
