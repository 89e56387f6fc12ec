import type { Finding, Verdict } from './judge.ts'
import type { ClientRecord, Heard, Run, Said, Stay } from './records.ts'
import { quietWindows, since, type Window } from './windows.ts'

/** What has not been confirmed within so many milliseconds is not on its way any more. */
const CONFIRM_WITHIN_MS = 3_000

/** Nothing twice, nothing out of order, and in quiet times nothing lost. */
export function judgeDeliveries(run: Run): Verdict {
  const findings = run.clients.flatMap((client) => judgeOrder(run, client))
  const ears = new Map(run.clients.map((client) => [client.id, new Set(client.heard.map(keyOf))]))
  const due = quietWindows(run).map((window) => {
    let count = 0
    for (const speaker of run.clients) {
      for (const said of speaker.said) {
        findings.push(...judgeConfirmation(run, window, { speaker, said }))
        if (!isDue(window, said)) continue
        for (const client of run.clients) {
          const stay = client.room === speaker.room ? stayThroughout(client, said.sentAt, window.to) : null
          if (stay === null) continue
          count += 1
          if (ears.get(client.id)?.has(keyOf({ by: speaker.id, n: said.n, during: stay.number }))) continue
          findings.push({
            kind: 'missed',
            text: `${describe(client)} missed ${tell(run, speaker, said)}, ${window.name}`,
          })
        }
      }
    }
    return count
  })
  const count = (of: (client: ClientRecord) => readonly unknown[]) =>
    run.clients.reduce((sum, client) => sum + of(client).length, 0)
  return { findings, due, sent: count(({ said }) => said), heard: count(({ heard }) => heard) }
}

/** In one stay nothing comes twice, and what was sent in one stay comes in its order. */
function judgeOrder(run: Run, client: ClientRecord): Finding[] {
  const findings: Finding[] = []
  const seen = new Set<string>()
  const latest = new Map<string, number>()
  for (const heard of client.heard) {
    const { by, from, n, at, during } = heard
    const source = `${during} ${by}/${from}`
    const before = latest.get(source) ?? -1
    const what = `${n} of ${by} at ${since(run, at)} in stay ${during}`
    if (seen.has(keyOf(heard))) {
      findings.push({ kind: 'doubled', text: `${describe(client)} heard ${what} again` })
    } else if (n < before) {
      findings.push({ kind: 'misordered', text: `${describe(client)} heard ${what}, after ${before}` })
    }
    seen.add(keyOf(heard))
    latest.set(source, Math.max(n, before))
  }
  return findings
}

/** What somebody says who stays joined is published. */
function judgeConfirmation(
  run: Run,
  window: Window,
  { speaker, said }: { speaker: ClientRecord; said: Said },
): Finding[] {
  const isAsked = said.sentAt >= window.from && said.sentAt <= window.to - CONFIRM_WITHIN_MS
  if (!isAsked || said.confirmedAt !== null) return []
  if (stayThroughout(speaker, said.sentAt, window.to) === null) return []
  return [{ kind: 'unconfirmed', text: `nobody confirmed ${tell(run, speaker, said)}, ${window.name}` }]
}

function isDue({ from, confirmedBy }: Window, { sentAt, confirmedAt }: Said): boolean {
  return sentAt >= from && confirmedAt !== null && confirmedAt <= confirmedBy
}

/** The stay in which a client was joined all that time; null if there is none. */
function stayThroughout({ stays }: ClientRecord, from: number, to: number): Stay | null {
  return stays.find(({ joinedAt, leftAt }) => joinedAt <= from && (leftAt === null || leftAt >= to)) ?? null
}

function keyOf({ by, n, during }: Pick<Heard, 'by' | 'n' | 'during'>): string {
  return `${during} ${by} ${n}`
}

function describe({ id, via, room }: ClientRecord): string {
  return `${id} (${via}, ${room})`
}

function tell(run: Run, { id }: ClientRecord, { n, sentAt, confirmedAt }: Said): string {
  const confirmed = confirmedAt === null ? 'never confirmed' : `confirmed at ${since(run, confirmedAt)}`
  return `message ${n} of ${id}, sent at ${since(run, sentAt)}, ${confirmed}`
}
