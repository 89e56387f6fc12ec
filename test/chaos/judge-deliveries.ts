import { Sequence } from '../load/sequence.ts'
import type { Finding, Verdict } from './judge-chaos.ts'
import type { ClientRecord, Heard, Run, Said, Stay } from './records.ts'
import { quietWindows, since, survivedWindows, type Window } from './windows.ts'

/** Milliseconds after which an unconfirmed message is no longer on its way. */
const CONFIRM_WITHIN_MS = 3_000

/** A message, who said it, and who has to hear it in which stay. */
type Delivery = {
  readonly speaker: ClientRecord
  readonly said: Said
  readonly listener: ClientRecord
  readonly stay: Stay
}

/** Nothing twice, nothing out of order, and nothing lost where nothing may be. */
export function judgeDeliveries(run: Run): Verdict {
  const findings = run.clients.flatMap((client) => judgeOrder(run, client))
  for (const window of quietWindows(run)) findings.push(...judgeConfirmations(run, window))
  const due: Record<string, number> = {}
  for (const window of [...quietWindows(run), ...survivedWindows(run)]) {
    const deliveries = run.clients.flatMap((speaker) => deliveriesOf(run, window, speaker))
    due[window.name] = deliveries.length
    findings.push(...judgeLosses(run, window, deliveries))
  }
  const sent = run.clients.reduce((sum, { said }) => sum + said.length, 0)
  const heard = run.clients.reduce((sum, { heard }) => sum + heard.length, 0)
  return { findings, due, sent, heard }
}

function judgeLosses(run: Run, window: Window, deliveries: readonly Delivery[]): Finding[] {
  const heard = new Map(run.clients.map((client) => [client.id, new Set(client.heard.map(keyOf))]))
  return deliveries
    .filter(({ speaker, said, listener, stay }) => {
      return !heard.get(listener.id)?.has(keyOf({ by: speaker.id, n: said.n, during: stay.number }))
    })
    .map(({ speaker, said, listener, stay: { number, leftAt } }) => {
      const stay = `stay ${number}, ${leftAt === null ? 'which lasts' : `which ended at ${since(run, leftAt)}`}`
      const text = `${describe(listener)} missed ${tell(run, speaker, said)}, ${window.name}; ${stay}`
      return { kind: 'missed', text }
    })
}

/** To whom a speaker's messages of a time must come: to all in the room who were joined to its end. */
function deliveriesOf(run: Run, window: Window, speaker: ClientRecord): Delivery[] {
  const listeners = run.clients.filter(({ room }) => room === speaker.room)
  const due = speaker.said.filter((said) => isDue(window, said))
  return due.flatMap((said) =>
    listeners.flatMap((listener) => {
      const stay = stayThroughout(listener, said.sentAt, window.to)
      return stay === null ? [] : [{ speaker, said, listener, stay }]
    }),
  )
}

/** In one stay nothing comes twice, and what was sent in one stay comes in its order. */
function judgeOrder(run: Run, client: ClientRecord): Finding[] {
  const findings: Finding[] = []
  const sequences = new Map<string, Sequence>()
  for (const { by, from, n, at, during } of client.heard) {
    const source = `${during} ${by}/${from}`
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

/** Messages of clients that stay joined are published. */
function judgeConfirmations(run: Run, window: Window): Finding[] {
  return run.clients.flatMap((speaker) =>
    speaker.said
      .filter(({ sentAt, confirmedAt }) => {
        const isAsked = sentAt >= window.from && sentAt <= window.to - CONFIRM_WITHIN_MS
        return isAsked && confirmedAt === null && stayThroughout(speaker, sentAt, window.to) !== null
      })
      .map((said) => {
        return { kind: 'unconfirmed', text: `nobody confirmed ${tell(run, speaker, said)}, ${window.name}` }
      }),
  )
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
