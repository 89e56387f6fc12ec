import { describe, expect, it } from 'vitest'
import { provoked } from './judge-metrics.ts'
import { judge } from './judge-soak.ts'
import { toldLimits } from './limits.ts'
import type { Heard, Run, Sample } from './records.ts'

const counts = { sockets: 1, channels: 1 }
const idle = { sockets: 0, Timeout: 2, 'Timeout objects': 3 }
const MEGABYTE = 1e6

/** Create samples every ten seconds, with these megabytes in the heap. */
function samplesOf(...megabytes: readonly number[]): Sample[] {
  return megabytes.map((value, n) => {
    return { at: n * 10_000, heldBytes: value * MEGABYTE, rssBytes: 150 * MEGABYTE, counts }
  })
}

/** Create a run of one round and one room, with one client and five messages. */
function runOf({ heard = [[1, 5]], ...more }: Partial<Run> & { heard?: Heard }): Run {
  return {
    said: { 'room:0': 5 },
    steady: [{ id: 's0', room: 'room:0', via: 'websocket', heard, endedWith: null }],
    samples: samplesOf(30, 30, 30, 30),
    rushes: [{ churn: { joined: 10, refused: 1 }, tookMs: 5_000, complaints: [] }],
    start: idle,
    end: idle,
    metrics: { before: {}, after: Object.fromEntries(provoked.map((name) => [name, 1])) },
    ...more,
  }
}

const findingsOf = (run: Partial<Run> & { heard?: Heard }) => judge(runOf(run)).findings

it('reports nothing if all is in order, and states the numbers that it checked', () => {
  const { findings, heard, churn } = judge(runOf({}))
  expect({ findings, heard, churn }).toEqual({ findings: [], heard: 5, churn: { joined: 10, refused: 1 } })
})

describe('steady clients', () => {
  it.each<[string, Heard, string, string]>([
    ['the first is lost', [[2, 5]], 'missed', 'missed 1 of 5'],
    [
      'one is lost',
      [
        [1, 2],
        [4, 5],
      ],
      'missed',
      'missed 3 of 5',
    ],
    ['the last is lost', [[1, 4]], 'missed', 'missed 5 of 5'],
    [
      'one comes twice',
      [
        [1, 3],
        [3, 5],
      ],
      'doubled',
      'heard 3 again',
    ],
    [
      'two are turned round',
      [
        [1, 2],
        [4, 4],
        [3, 3],
        [5, 5],
      ],
      'misordered',
      'heard 3 after 4',
    ],
  ])('reports that %s', (_, heard, kind, what) => {
    expect(findingsOf({ heard })).toEqual([{ kind, text: `s0 (websocket, room:0) ${what}` }])
  })

  it('reports a client that received nothing at all, and a client that is gone', () => {
    const [record] = runOf({ heard: [] }).steady
    if (record === undefined) throw new Error('there is one')
    const findings = findingsOf({ steady: [{ ...record, endedWith: 'closed with 1006' }] })
    expect(findings).toHaveLength(6)
    expect(findings[0]?.text).toBe('s0 (websocket, room:0) is gone: closed with 1006')
  })
})

describe('memory', () => {
  it('reports nothing if memory goes up and down, or grows only in the first third', () => {
    expect(findingsOf({ samples: samplesOf(30, 30.1, 30, 30.1, 30, 30.1, 30) })).toEqual([])
    expect(findingsOf({ samples: samplesOf(20, 25, 30, 30, 30, 30, 30) })).toEqual([])
  })

  it('reports a heap that grows by one per cent in a minute', () => {
    // The heap grows by 0.05 MB every ten seconds from 20 s on.
    const findings = findingsOf({ samples: samplesOf(30, 30, 30, 30.05, 30.1, 30.15, 30.2) })
    expect(findings).toEqual([{ kind: 'growth', text: 'heap, per minute: 1.00 %' }])
    expect(findingsOf({ samples: samplesOf(30, 30, 30, 30.049, 30.098, 30.147, 30.196) })).toEqual([])
  })

  it('reports a heap that grows more slowly, if the growth reaches two per cent', () => {
    const slowly = (perSample: number) =>
      samplesOf(...Array.from({ length: 61 }, (_, n) => 30 + n * perSample))
    expect(findingsOf({ samples: slowly(0.016) })).toEqual([
      { kind: 'growth', text: 'heap, in total: 2.11 %' },
    ])
    expect(findingsOf({ samples: slowly(0.014) })).toEqual([])
  })

  it('reports resident memory that grows by ten per cent', () => {
    const grown = (megabytes: number): Sample[] => {
      return samplesOf(30, 30, 30, 30).map((sample, n) => {
        return { ...sample, rssBytes: (100 + n * megabytes) * MEGABYTE }
      })
    }
    // The last two thirds begin with the second sample.
    expect(findingsOf({ samples: grown(6) })).toMatchObject([
      { kind: 'growth', text: expect.stringContaining('resident') },
    ])
    expect(findingsOf({ samples: grown(5) })).toEqual([])
  })
})

describe('counts of held objects', () => {
  it('are reported if they are higher or lower after a round', () => {
    const samples = samplesOf(30, 30).map((sample, n) => ({
      ...sample,
      counts: { ...counts, channels: 1 + n },
    }))
    const text = 'after 10 s 2 channels, as against 1 before'
    expect(findingsOf({ samples })).toEqual([{ kind: 'held', text }])
  })

  it('are reported if objects are left over at the end, or are missing', () => {
    const findings = findingsOf({ end: { ...idle, Timeout: 1, 'Timeout objects': 4, TCPSocketWrap: 1 } })
    expect(findings.map(({ text }) => text)).toEqual([
      '1 Timeout, as against 2 at the start',
      '4 Timeout objects, as against 3 at the start',
      '1 TCPSocketWrap, as against 0 at the start',
    ])
  })
})

describe('offending clients', () => {
  it('cause a report if they complain', () => {
    const complaints = ['text that is no JSON: 1006, and not 1011']
    const findings = findingsOf({ rushes: [{ churn: {}, tookMs: 1, complaints }] })
    expect(findings).toEqual([{ kind: 'complaint', text: `round 1, ${complaints[0]}` }])
  })

  it.each(toldLimits)('cause a report if %s does not appear in the metrics', (limit) => {
    const { metrics } = runOf({})
    const name = `phoenix_limits_reached_total{limit="${limit}"}`
    // The limit was reached during the warm-up, but not since.
    const before = { [name]: 1 }
    expect(findingsOf({ metrics: { ...metrics, before } })).toEqual([
      { kind: 'metrics', text: `${name} has risen by 0 in 1 rounds` },
    ])
  })

  it('cause a report if the metrics do not show them in each round', () => {
    const { metrics, rushes } = runOf({})
    expect(findingsOf({ rushes: [...rushes, ...rushes], metrics })).toHaveLength(provoked.length)
  })
})
