import { describe, expect, it } from 'vitest'
import { judge } from './judge-chaos.ts'
import type { ClientRecord, Fault, Gap, Heard, Run, Said, Stay } from './records.ts'

const FROM = 100_000
const TO = 160_000
const killed: Fault = {
  name: 'node 2 is killed',
  takes: 'node',
  at: FROM + 20_000,
  recoveredAt: FROM + 25_000,
  stuck: [],
}

type Given = { stays?: Stay[]; said?: Said[]; heard?: Heard[]; gaps?: Gap[]; via?: ClientRecord['via'] }

const stay = (number: number, joinedAt: number, leftAt: number | null = null): Stay => ({
  number,
  joinedAt: FROM + joinedAt,
  leftAt: leftAt === null ? null : FROM + leftAt,
})
const said = (n: number, sentAt: number, confirmedAt: number | null = sentAt + 10): Said => ({
  n,
  stay: 1,
  sentAt: FROM + sentAt,
  confirmedAt: confirmedAt === null ? null : FROM + confirmedAt,
})
const heard = (n: number, more: Partial<Heard> = {}): Heard => ({
  by: 'c0',
  from: 1,
  n,
  at: FROM + 11_000,
  during: 1,
  ...more,
})

function clientOf(id: string, given: Given): ClientRecord {
  const { stays = [stay(1, -10)], said = [], heard = [], gaps = [], via = 'websocket' } = given
  return { id, room: 'room:0', via, stays, said, heard, gaps }
}

/** Create a run with two clients: a speaker, `c0`, that receives its own messages, and a listener, `c1`. */
function runOf(speaker: Given, listener: Given, more: Partial<Run> = {}): Run {
  const own = { ...speaker, heard: (speaker.said ?? []).map(({ n }) => heard(n)) }
  const clients = [clientOf('c0', own), clientOf('c1', listener)]
  return { from: FROM, to: TO, faults: [killed], clients, views: [], held: [], ...more }
}

const findingsOf = (run: Run) => judge(run).findings

describe('deliveries', () => {
  it('finds nothing where all arrives once and in order, and counts what was due', () => {
    const run = runOf({ said: [said(1, 10_000), said(2, 22_000)] }, { heard: [heard(1), heard(2)] })
    expect(judge(run)).toEqual({ findings: [], sent: 2, heard: 4, due: 4, told: 0 })
  })

  it('finds what was confirmed and missed, also in the middle of a fault', () => {
    const text = 'c1 (longpoll, room:0) missed message 1 of c0, sent at 21.00 s, confirmed at 21.01 s'
    expect(findingsOf(runOf({ said: [said(1, 21_000)] }, { via: 'longpoll' }))).toEqual([
      { kind: 'missed', text },
    ])
    expect(findingsOf(runOf({ said: [said(1, 21_000, null)] }, {}))).toEqual([])
  })

  it('finds what came again after a rejoin', () => {
    const stays = [stay(1, -10, 22_000), stay(2, 23_000)]
    const again = heard(1, { at: FROM + 23_000, during: 2 })
    const text = 'c1 (websocket, room:0) heard 1 of c0 at 23.00 s in stay 2 again'
    expect(findingsOf(runOf({ said: [said(1, 21_000)] }, { stays, heard: [heard(1), again] }))).toEqual([
      { kind: 'doubled', text },
    ])
  })

  describe('when the history is lost', () => {
    const faults: Fault[] = [{ ...killed, name: 'Redis is killed', takes: 'history' }]
    const messages = [said(1, 10_000), said(2, 19_000), said(3, 27_000)]
    const first = heard(1, { at: FROM + 10_020 })
    const second = heard(2, { at: FROM + 19_020 })
    const third = heard(3, { at: FROM + 27_020 })
    const gap = { at: FROM + 24_000, after: 1 }

    it('excuses what a client was told to be missing', () => {
      const run = runOf({ said: messages }, { heard: [first, third], gaps: [gap] }, { faults })
      expect(judge(run)).toMatchObject({ findings: [], due: 6, told: 1 })
    })

    it.each([
      ['what nobody told', { heard: [first, third] }, 'missed'],
      ['what is missing after the gap', { heard: [first, second], gaps: [{ ...gap, after: 2 }] }, 'missed'],
      ['what is missing before the gap', { heard: [second, third], gaps: [gap] }, 'missed'],
      ['a gap that was told twice', { heard: [first, second, third], gaps: [gap, gap] }, 'gap'],
      ['a gap before the loss', { heard: [first, second, third], gaps: [{ ...gap, at: FROM }] }, 'gap'],
    ])('finds %s', (_, listener, kind) => {
      const findings = findingsOf(runOf({ said: messages }, listener, { faults }))
      expect(findings.map((finding) => finding.kind)).toEqual([kind])
    })
  })

  it('finds a gap that was told although nothing was lost', () => {
    const gaps = [{ at: FROM + 22_000, after: 0 }]
    const text = 'c1 (websocket, room:0) was told of a gap at 22.00 s'
    expect(findingsOf(runOf({}, { gaps }))).toEqual([{ kind: 'gap', text }])
  })

  it('reports messages of one speaker that one stay received out of order', () => {
    const messages = [said(1, 10_000), said(2, 10_000)]
    const turned = findingsOf(runOf({ said: messages }, { heard: [heard(2), heard(1)] }))
    const text = 'c1 (websocket, room:0) heard 1 of c0 at 11.00 s in stay 1, after 2'
    expect(turned).toEqual([{ kind: 'misordered', text }])
    const ofTwoStays = [heard(2, { from: 2 }), heard(1)]
    expect(findingsOf(runOf({ said: messages }, { heard: ofTwoStays }))).toEqual([])
  })

  it('reports a message that is not confirmed while no fault is active', () => {
    const run = runOf({ said: [said(1, 10_000, null)] }, { heard: [heard(1)] })
    expect(findingsOf(run)).toMatchObject([{ kind: 'unconfirmed' }])
  })
})

describe('clients', () => {
  it('reports a client that loses a join while no fault is active', () => {
    const run = runOf({}, { stays: [stay(1, -10, 10_000), stay(2, 10_100)] })
    const text = 'c1 (websocket) lost stay 1 at 10.00 s, between the start and node 2 is killed'
    expect(findingsOf(run)).toEqual([{ kind: 'left', text }])
  })

  it('reports no lost join of a client that is then told of a gap (RECOVERY-11)', () => {
    const faults: Fault[] = [{ ...killed, name: 'Redis is killed', takes: 'history' }]
    const stays = [stay(1, -10, 28_000), stay(2, 28_100)]
    const gapsAt = (at: number) => [{ at: FROM + at, after: 0 }]
    expect(findingsOf(runOf({}, { stays, gaps: gapsAt(28_100) }, { faults }))).toEqual([])
    expect(findingsOf(runOf({}, { stays }, { faults }))).toMatchObject([{ kind: 'left' }])
  })

  it('reports a fault after which some clients did not reconnect', () => {
    const faults = [{ ...killed, recoveredAt: null, stuck: ['c1'] }]
    expect(findingsOf(runOf({}, {}, { faults }))).toEqual([
      { kind: 'stuck', text: 'node 2 is killed: not back in time: c1' },
    ])
  })
})
