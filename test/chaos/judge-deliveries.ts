import { Sequence } from '../load/sequence.ts'
import type { Finding, Verdict } from './judge-chaos.ts'
import type { ClientRecord, Heard, Run, Said, Stay } from './records.ts'
import { quietWindows, since } from './windows.ts'

/** Milliseconds within which a message must be confirmed. */
const CONFIRM_WITHIN_MS = 3_000

/**
 * Judge the deliveries. All clients ask for recovery, so each client must receive each confirmed message once and in
 * order, during faults too. If a message is missing, the client must be told before it receives a later message.
 */
export function judgeDeliveries(run: Run): Verdict {
  const losses = run.clients.map((client) => judgeLosses(run, client))
  const findings = [
    ...run.clients.flatMap((client) => [...judgeOrder(run, client), ...judgeGaps(run, client)]),
    ...judgeConfirmations(run),
    ...losses.flatMap((loss) => loss.findings),
  ]
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0)
  return {
    findings,
    due: sum(losses.map(({ due }) => due)),
    told: sum(losses.map(({ told }) => told)),
    sent: sum(run.clients.map(({ said }) => said.length)),
    heard: sum(run.clients.map(({ heard }) => heard.length)),
  }
}

/** Find confirmed messages of the room that the listener missed. */
function judgeLosses(run: Run, listener: ClientRecord): Pick<Verdict, 'findings' | 'due' | 'told'> {
  const heard = new Set(listener.heard.map(keyOf))
  const findings: Finding[] = []
  let due = 0
  let told = 0
  for (const speaker of run.clients.filter(({ room }) => room === listener.room)) {
    for (const said of speaker.said.filter(({ confirmedAt }) => confirmedAt !== null)) {
      due += 1
      if (heard.has(keyOf({ by: speaker.id, n: said.n }))) continue
      if (isTold(run, listener, said)) told += 1
      else findings.push({ kind: 'missed', text: `${describe(listener)} missed ${tell(run, speaker, said)}` })
    }
  }
  return { findings, due, told }
}

/**
 * Returns true if a missing message may be in a gap of which the listener was told. Such a message was sent before the
 * listener was told, and confirmed after the sending of the last message that the listener received before the gap.
 */
function isTold({ clients }: Run, { heard, gaps }: ClientRecord, { sentAt, confirmedAt }: Said): boolean {
  return gaps.some(({ at, after }) => {
    const last = heard[after - 1]
    const by = clients.find(({ id }) => id === last?.by)
    const lastSentAt = by?.said.find(({ n }) => n === last?.n)?.sentAt ?? 0
    return sentAt <= at && confirmedAt !== null && confirmedAt >= lastSentAt
  })
}

/** Find gaps that were told without a reason. After each loss of the history, a client may be told of one gap. */
function judgeGaps(run: Run, client: ClientRecord): Finding[] {
  const losses = run.faults.filter(({ takes }) => takes === 'history')
  return client.gaps
    .filter(({ at }, index) => at < (losses[index]?.at ?? Number.POSITIVE_INFINITY))
    .map(({ at }) => ({ kind: 'gap', text: `${describe(client)} was told of a gap at ${since(run, at)}` }))
}

/** Find messages that a client received twice, or not in the order in which they were sent during one stay. */
function judgeOrder(run: Run, client: ClientRecord): Finding[] {
  const findings: Finding[] = []
  const sequences = new Map<string, Sequence>()
  for (const { by, from, n, at, during } of client.heard) {
    const source = `${by}/${from}`
    const sequence = sequences.get(source) ?? new Sequence()
    sequences.set(source, sequence)
    const before = sequence.highest
    const kind = sequence.hear(n)
    if (kind === null) continue
    const what = `${n} of ${by} at ${since(run, at)} in stay ${during}`
    const how = kind === 'doubled' ? ' again' : `, after ${before}`
    findings.push({ kind, text: `${describe(client)} heard ${what}${how}` })
  }
  return findings
}

/** Find messages that were not confirmed, although no fault was active and the speaker remained joined. */
function judgeConfirmations(run: Run): Finding[] {
  return quietWindows(run).flatMap(({ name, from, to }) =>
    run.clients.flatMap((speaker) =>
      speaker.said
        .filter(({ sentAt, confirmedAt }) => {
          const isAsked = sentAt >= from && sentAt <= to - CONFIRM_WITHIN_MS
          return isAsked && confirmedAt === null && stayThroughout(speaker, sentAt, to) !== null
        })
        .map((said) => ({
          kind: 'unconfirmed',
          text: `nobody confirmed ${tell(run, speaker, said)}, ${name}`,
        })),
    ),
  )
}

/** Return the stay in which a client was joined from `from` to `to`; null if there is none. */
function stayThroughout({ stays }: ClientRecord, from: number, to: number): Stay | null {
  return stays.find(({ joinedAt, leftAt }) => joinedAt <= from && (leftAt === null || leftAt >= to)) ?? null
}

function keyOf({ by, n }: Pick<Heard, 'by' | 'n'>): string {
  return `${by} ${n}`
}

function describe({ id, via, room }: ClientRecord): string {
  return `${id} (${via}, ${room})`
}

function tell(run: Run, { id }: ClientRecord, { n, sentAt, confirmedAt }: Said): string {
  const confirmed = confirmedAt === null ? 'never confirmed' : `confirmed at ${since(run, confirmedAt)}`
  return `message ${n} of ${id}, sent at ${since(run, sentAt)}, ${confirmed}`
}
