import type { Finding as LoadFinding } from '../load/finding.ts'
import { judgeDeliveries } from './judge-deliveries.ts'
import { judgeHeld } from './judge-held.ts'
import type { Run } from './records.ts'
import { quietWindows, since } from './windows.ts'

/** Faults that a run must not show. */
export type Finding = LoadFinding<
  'doubled' | 'misordered' | 'missed' | 'gap' | 'unconfirmed' | 'left' | 'stuck' | 'presence' | 'held'
>

/** Findings, and the amount of examined traffic, because a run without traffic has no findings either. */
export type Verdict = {
  readonly findings: readonly Finding[]
  readonly sent: number
  readonly heard: number
  /** Number of deliveries that had to be made. */
  readonly due: number
  /** Number of missing deliveries of which the clients were told. */
  readonly told: number
}

/** Find the faults of a run in its records. */
export function judge(run: Run): Verdict {
  const deliveries = judgeDeliveries(run)
  const findings = [
    ...deliveries.findings,
    ...judgeStays(run),
    ...judgeRecovery(run),
    ...judgeViews(run),
    ...run.held.flatMap(judgeHeld),
  ]
  return { ...deliveries, findings }
}

/**
 * Find clients that lost a join while no fault was active. A server that has lost messages ends the joins of clients
 * that it must tell, spread over some seconds (RECOVERY-11): such an end is no finding.
 */
function judgeStays(run: Run): Finding[] {
  const findings: Finding[] = []
  for (const window of quietWindows(run)) {
    for (const { id, via, stays, gaps } of run.clients) {
      for (const [index, { number, leftAt }] of stays.entries()) {
        if (leftAt === null || leftAt < window.from || leftAt >= window.to) continue
        const nextEnd = stays[index + 1]?.leftAt ?? Number.POSITIVE_INFINITY
        if (gaps.some(({ at }) => at >= leftAt && at <= nextEnd)) continue
        const text = `${id} (${via}) lost stay ${number} at ${since(run, leftAt)}, ${window.name}`
        findings.push({ kind: 'left', text })
      }
    }
  }
  return findings
}

function judgeRecovery({ faults }: Run): Finding[] {
  return faults
    .filter(({ recoveredAt }) => recoveredAt === null)
    .map(({ name, stuck }) => ({ kind: 'stuck', text: `${name}: not back in time: ${stuck.join(', ')}` }))
}

/**
 * Find wrong presence lists. At the end of a run, each list of a room must contain the latest stay of each client of
 * the room, and all lists of a room must be equal.
 */
export function judgeViews({ clients, views }: Pick<Run, 'clients' | 'views'>): Finding[] {
  const firsts = new Map<string, { of: string; lines: string }>()
  return views.flatMap(({ of, room, view }): Finding[] => {
    const members = clients.filter((client) => client.room === room)
    const wanted = members.map(({ id, stays }) => `${id}/${stays.at(-1)?.number ?? 0}`).sort()
    const seen = view.map((line) => line.split(' ')[0] ?? '').sort()
    const first = firsts.get(room) ?? { of, lines: view.join() }
    firsts.set(room, first)
    const missing = wanted.filter((member) => !seen.includes(member))
    const surplus = seen.filter((member, index) => !wanted.includes(member) || seen.indexOf(member) !== index)
    if (missing.length + surplus.length > 0) {
      const text = `${of} lists ${room} without [${missing.join()}], but with [${surplus.join()}]`
      return [{ kind: 'presence', text }]
    }
    if (view.join() === first.lines) return []
    return [{ kind: 'presence', text: `${of} lists ${room} with other references than ${first.of}` }]
  })
}
