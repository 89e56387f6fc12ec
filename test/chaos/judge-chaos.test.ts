import { describe, expect, it } from 'vitest'
import { judge } from './judge-chaos.ts'
import type { ClientRecord, Fault, Heard, Run, Said, Stay } from './records.ts'

const FROM = 100_000
const TO = 160_000
const killed: Fault = {
  name: 'node 2 is killed',
  takes: 'node',
  at: FROM + 20_000,
  recoveredAt: FROM + 25_000,
  stuck: [],
}

type Given = { stays?: Stay[]; said?: Said[]; heard?: Heard[]; via?: ClientRecord['via'] }

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

function clientOf(id: string, { stays = [stay(1, -10)], said = [], heard = [], via = 'websocket' }: Given) {
  return { id, room: 'room:0', via, stays, said, heard }
}

/** A run of a speaker, `c0`, who hears itself, and of a listener, `c1`. */
function runOf(speaker: Given, listener: Given, more: Partial<Run> = {}): Run {
  const own = { ...speaker, heard: (speaker.said ?? []).map(({ n }) => heard(n)) }
  const clients = [clientOf('c0', own), clientOf('c1', listener)]
  return { from: FROM, to: TO, faults: [killed], clients, views: [], held: [], ...more }
}

const findingsOf = (run: Run) => judge(run).findings

describe('deliveries', () => {
  it('reports nothing if all messages arrive once and in order, and counts the expected ones', () => {
    const run = runOf({ said: [said(1, 10_000), said(2, 30_000)] }, { heard: [heard(1), heard(2)] })
    const due = {
      'between the start and node 2 is killed': 2,
      'between node 2 is killed and the end': 2,
      'while node 2 is killed': 0,
    }
    expect(judge(run)).toEqual({ findings: [], sent: 2, heard: 4, due })
  })

  it('reports a missed message that was confirmed a second before a fault', () => {
    const run = runOf({ said: [said(1, 18_900)] }, { via: 'longpoll' })
    const text =
      'c1 (longpoll, room:0) missed message 1 of c0, sent at 18.90 s, confirmed at 18.91 s, ' +
      'between the start and node 2 is killed; stay 1, which lasts'
    expect(findingsOf(run)).toEqual([{ kind: 'missed', text }])
  })

  it('reports a missed message that was sent two seconds after the recovery', () => {
    const run = runOf({ said: [said(1, 27_000)] }, {})
    expect(findingsOf(run)).toMatchObject([{ kind: 'missed', text: expect.stringContaining('and the end;') }])
  })

  it.each([
    ['confirmed less than a second before the fault', said(1, 18_995)],
    ['sent less than two seconds after the recovery', said(1, 26_999)],
    ['never confirmed', said(1, 19_500, null)],
  ])('ignores a missed message that was %s of Redis', (_, message) => {
    const faults: Fault[] = [{ ...killed, name: 'Redis is killed', takes: 'engine' }]
    expect(findingsOf(runOf({ said: [message] }, {}, { faults }))).toEqual([])
  })

  it('reports messages that clients of other nodes miss while one node is dead', () => {
    const lost = findingsOf(runOf({ said: [said(1, 21_000)] }, {}))
    expect(lost).toMatchObject([{ kind: 'missed', text: expect.stringContaining('while node 2 is killed') }])
    const unconfirmed = runOf({ said: [said(1, 21_000, null)] }, {})
    expect(findingsOf(unconfirmed)).toEqual([])
  })

  it('ignores clients that were not joined during the whole time', () => {
    const stays = [stay(1, -10, 22_000), stay(2, 23_000)]
    const messages = [said(1, 10_000), said(2, 30_000)]
    expect(
      findingsOf(runOf({ said: messages }, { stays, heard: [heard(1), heard(2, { during: 2 })] })),
    ).toEqual([])
    const lost = findingsOf(runOf({ said: messages }, { stays, heard: [heard(1), heard(2)] }))
    expect(lost).toMatchObject([{ kind: 'missed', text: expect.stringContaining('message 2 of c0') }])
  })

  it('reports a message that one stay received twice, even in the middle of a fault', () => {
    const at = FROM + 22_000
    const twice = runOf({ said: [said(1, 21_000)] }, { heard: [heard(1, { at }), heard(1, { at })] })
    const text = 'c1 (websocket, room:0) heard 1 of c0 at 22.00 s in stay 1 again'
    expect(findingsOf(twice)).toEqual([{ kind: 'doubled', text }])
    const stays = [stay(1, -10, 22_000), stay(2, 23_000)]
    const inTwo = { stays, heard: [heard(1), heard(1, { during: 2 })] }
    expect(findingsOf(runOf({ said: [said(1, 21_000)] }, inTwo))).toEqual([])
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

  it('reports a fault after which some clients did not reconnect', () => {
    const faults = [{ ...killed, recoveredAt: null, stuck: ['c1'] }]
    expect(findingsOf(runOf({}, {}, { faults }))).toEqual([
      { kind: 'stuck', text: 'node 2 is killed: not back in time: c1' },
    ])
  })
})
