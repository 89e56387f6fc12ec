import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import type { HistorySettings, Recovery, RecoveryRequest } from '../../../server/pubsub/history.ts'
import { LocalHistory } from '../../../server/pubsub/local-history.ts'

const defaults: HistorySettings = {
  pattern: 'log:*',
  size: 3,
  ttlMs: 60_000,
  maxBytes: 1_000,
  keyTtlMs: 5_000,
  events: new Set(['msg']),
  onJoin: 0,
}

function setUp(given: Partial<HistorySettings> = {}, maxBytes = 1_000_000) {
  const settings = { ...defaults, ...given }
  const heard: Broadcast[] = []
  const history = new LocalHistory({
    maxBytes,
    deliver: (broadcast) => void heard.push(broadcast),
    note() {},
    failed(call, cause) {
      throw new Error(call, { cause })
    },
  })
  const say = (n: unknown, { topic = 'log:a', key = null }: { topic?: string; key?: string | null } = {}) =>
    history.append(new Broadcast(topic, 'msg', { n }), settings, key)
  const recover = (request: Partial<RecoveryRequest> = {}, topic = 'log:a'): Recovery | null => {
    let found: Recovery | null = null
    history.recover(topic, settings, { since: null, last: 0, noted: null, ...request }, (recovery) => {
      found = recovery
    })
    return found
  }
  const page = async (range: Parameters<LocalHistory['read']>[2], topic = 'log:a') => {
    const { entries, ...rest } = await history.read(topic, settings, range)
    return { ...rest, said: entries.map(({ seq, json }) => [seq, JSON.parse(json).n]) }
  }
  return { history, settings, heard, say, recover, page }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('delivers at once, with consecutive sequence numbers', () => {
  const { heard, say } = setUp()
  const outcomes = [say(1), say(2)]
  expect(heard.map(({ seq }) => seq)).toEqual([1, 2])
  expect(outcomes).toEqual(
    [1, 2].map((seq) => ({ outcome: 'kept', position: { epoch: expect.any(String), seq } })),
  )
})

it('gives each topic its own epoch, and a new one after it was removed (RECOVERY-10)', () => {
  const { history, settings, recover } = setUp()
  const [a, b] = [recover({}, 'log:a')?.epoch, recover({}, 'log:b')?.epoch]
  history.subscribe('log:a', settings)
  vi.advanceTimersByTime(60_000)
  expect(recover({}, 'log:a')?.epoch).toBe(a)
  expect(recover({}, 'log:b')?.epoch).not.toBe(b)
})

it('lives for ttlMs after its last subscriber, and forgets what is older (RECOVERY-1)', async () => {
  const { history, settings, say, recover, page } = setUp()
  history.subscribe('log:a', settings)
  say(1)
  const since = { epoch: recover()?.epoch ?? '', seq: 0 }
  vi.advanceTimersByTime(59_999)
  history.unsubscribe('log:a')
  expect(recover({ since })?.recovered).toBe(true)
  expect((await page({ last: 9 })).said).toHaveLength(1)
  vi.advanceTimersByTime(1)
  expect((await page({ last: 9 })).said).toEqual([])
  expect(recover({ since })?.recovered).toBe(false)
  expect(recover({ since: { ...since, seq: 1 } })?.recovered).toBe(true)
  vi.advanceTimersByTime(59_999)
  expect(recover({ since: { ...since, seq: 1 } })?.recovered).toBe(false)
})

it('keeps a broadcast once under a key, as long as the key is remembered (RECOVERY-13)', () => {
  const { heard, say } = setUp()
  expect(say(1, { key: 'k' })).toEqual(say(1, { key: 'k' }))
  expect(say(2, { key: 'k' })).toEqual({ outcome: 'key_reused' })
  expect(heard).toHaveLength(1)
  vi.advanceTimersByTime(5_000)
  expect(say(2, { key: 'k' })).toMatchObject({ outcome: 'kept', position: { seq: 2 } })
  // However many other keys there are.
  for (let n = 0; n < 1_000; n++) say(n, { key: `k${n}` })
  expect(say(2, { key: 'k' })).toMatchObject({ outcome: 'kept', position: { seq: 2 } })
})

it('forgets expired keys of topics in which nothing is said', () => {
  const { history, say } = setUp()
  history.subscribe('log:a', defaults)
  for (let n = 0; n < 100; n++) say(n, { key: `k${n}` })
  const before = history.bytes
  vi.advanceTimersByTime(5_000)
  history.sweep()
  expect(history.bytes).toBeLessThan(before - 100 * 200)
})

it('keeps broadcasts if there is no memory for more keys: the oldest keys are forgotten (RECOVERY-13)', async () => {
  const { history, settings, say, page } = setUp({ size: 100 }, 100_000)
  history.subscribe('log:a', settings)
  for (let n = 0; n < 10; n++) say(n)
  for (let n = 0; n < 1_000; n++) say(0, { key: `k${n}` })
  expect(history.bytes).toBeLessThanOrEqual(100_000)
  expect((await page({ last: 100 })).said).toHaveLength(100)
  expect(say(0, { key: 'k999' })).toMatchObject({ outcome: 'kept', position: { seq: 1_010 } })
  expect(say(0, { key: 'k0' })).toMatchObject({ outcome: 'kept', position: { seq: 1_011 } })
})

it('forgets only as many keys as needed, never the newest ones, if each of many topics has one (RECOVERY-13)', () => {
  const { history, settings, say } = setUp({}, 1_000_000)
  let [most, least] = [0, 1_000_000]
  for (let n = 0; n < 6_000; n++) {
    const topic = `log:${n}`
    history.subscribe(topic, settings)
    expect(say(n, { key: 'k', topic })).toMatchObject({ position: { seq: 1 } })
    expect(say(n, { key: 'k', topic })).toMatchObject({ position: { seq: 1 } })
    most = Math.max(most, history.bytes)
    if (most > 950_000) least = Math.min(least, history.bytes)
  }
  expect(least).toBeGreaterThan(850_000)
})

it('keeps at most maxBytes of payloads in a topic', async () => {
  const { say, page } = setUp({ size: 100, maxBytes: 250 })
  for (let n = 1; n <= 4; n++) say('x'.repeat(90))
  expect((await page({ last: 10 })).said.map(([seq]) => seq)).toEqual([3, 4])
})

it('reads the latest broadcasts, earlier pages, and those after a sequence number', async () => {
  const { say, page } = setUp({ size: 5 })
  for (let n = 1; n <= 7; n++) say(n)
  expect(await page({ last: 2 })).toMatchObject({
    head: 7,
    hasOlder: true,
    said: [
      [6, 6],
      [7, 7],
    ],
  })
  expect(await page({ last: 2, before: 6 })).toMatchObject({
    hasOlder: true,
    said: [
      [4, 4],
      [5, 5],
    ],
  })
  expect(await page({ last: 2, before: 4 })).toMatchObject({ hasOlder: false, said: [[3, 3]] })
  expect(await page({ since: 5, limit: 1 })).toMatchObject({ said: [[6, 6]] })
  expect(await page({ last: 2 }, 'log:nobody')).toEqual({ epoch: '0', head: 0, hasOlder: false, said: [] })
})

it('keeps nothing after it was stopped', () => {
  const { history, heard, say } = setUp()
  history.stop()
  expect(say(1)).toEqual({ outcome: 'unknown' })
  expect(heard).toEqual([])
})

describe('above the limit of the process', () => {
  it('removes topics without subscribers first, the least recently used one first', async () => {
    const { history, settings, say, page } = setUp({ size: 100, maxBytes: 100_000 }, 30_000)
    history.subscribe('log:live', settings)
    for (const topic of ['log:live', 'log:old', 'log:new']) say('x'.repeat(7_000), { topic })
    say('x'.repeat(7_000), { topic: 'log:live' })
    expect(history.bytes).toBeLessThanOrEqual(30_000)
    const counts = await Promise.all(
      ['log:live', 'log:old', 'log:new'].map(async (topic) => (await page({ last: 9 }, topic)).said.length),
    )
    expect(counts).toEqual([2, 0, 1])
  })

  it('then drops the oldest broadcasts of all topics', async () => {
    const { history, settings, say, page } = setUp({ size: 100, maxBytes: 100_000 }, 30_000)
    const topics = ['log:a', 'log:b']
    for (const topic of topics) history.subscribe(topic, settings)
    for (let n = 0; n < 8; n++) {
      vi.advanceTimersByTime(1)
      say('x'.repeat(5_000), { topic: topics[n % 2] ?? '' })
    }
    const pages = await Promise.all(topics.map((topic) => page({ last: 9 }, topic)))
    const kept = pages.map(({ said }) => said.map(([seq]) => seq))
    expect(history.bytes).toBeLessThanOrEqual(30_000)
    expect(kept).toEqual([
      [3, 4],
      [2, 3, 4],
    ])
  })
})

it('no longer counts the bytes of what has expired when a client reads it, or the sweep finds it', () => {
  const { history, settings, say, recover } = setUp({ size: 10 })
  history.subscribe('log:a', settings)
  const empty = history.bytes
  const epoch = recover()?.epoch ?? ''
  for (const look of [
    () => expect(history.replay('log:a', { epoch, seq: 0 }, 10)).toBeNull(),
    () => history.sweep(),
  ]) {
    say('a long text'.repeat(10))
    vi.advanceTimersByTime(60_000)
    look()
    expect(history.bytes).toBe(empty)
  }
})

it('counts its bytes exactly, for any sequence of broadcasts, subscriptions and removals', () => {
  const step = fc.record({
    topic: fc.constantFrom('log:a', 'log:b', 'log:c'),
    wait: fc.constantFrom(0, 1_000, 40_000),
  })
  const act = fc.constantFrom('say', 'key', 'enter', 'leave', 'sweep')
  fc.assert(
    fc.property(fc.array(fc.tuple(act, step), { maxLength: 60 }), (steps) => {
      const { history, settings, say } = setUp({}, 5_000)
      for (const [name, { topic, wait }] of steps) {
        vi.advanceTimersByTime(wait)
        if (name === 'say') say('x'.repeat(300), { topic })
        if (name === 'key') say(1, { topic, key: 'k' })
        if (name === 'enter') history.subscribe(topic, settings)
        if (name === 'leave') history.unsubscribe(topic)
        if (name === 'sweep') history.sweep()
      }
      for (const topic of ['log:a', 'log:b', 'log:c']) history.unsubscribe(topic)
      vi.advanceTimersByTime(120_000)
      for (let n = 0; n < 3; n++) history.sweep()
      expect(history.bytes).toBe(0)
    }),
  )
})

it('replays exactly the broadcasts of a model, or nothing (fast-check)', () => {
  const cursor = fc.integer({ min: 0, max: 20 })
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 15 }),
      fc.integer({ min: 1, max: 9 }),
      cursor,
      cursor,
      (said, size, seq, count) => {
        const { history, say, recover } = setUp({ size })
        for (let n = 1; n <= said; n++) say(n)
        const epoch = recover()?.epoch ?? ''
        const model = Array.from({ length: said }, (_, index) => index + 1).slice(-size)
        const isWhole =
          seq <= said &&
          Array.from({ length: said - seq }, (_, n) => seq + 1 + n).every((n) => model.includes(n))
        const replayed = history.replay('log:a', { epoch, seq }, count)
        expect(replayed?.map(({ json }) => JSON.parse(json).n) ?? null).toEqual(
          isWhole ? model.filter((n) => n > seq).slice(0, count) : null,
        )
      },
    ),
  )
})

it('drops the oldest broadcasts of many topics in linear time, and never what was just kept', async () => {
  const { history, settings, say, page } = setUp({}, 2_000_000)
  const topics = Array.from({ length: 40_000 }, (_, index) => `log:${index}`)
  for (const topic of topics) history.subscribe(topic, settings)
  const started = performance.now()
  for (let n = 0; n < 3; n++) for (const topic of topics) say(n, { topic })
  // Takes a third of a second here. If each dropped broadcast cost a search of all topics, it would take minutes.
  expect(performance.now() - started).toBeLessThan(15_000)
  expect(history.bytes).toBeLessThanOrEqual(2_000_000)
  expect((await page({ last: 1 }, 'log:39999')).said).toEqual([[3, 2]])
  expect((await page({ last: 1 }, 'log:0')).said).toEqual([])
})

it('keeps the broadcasts of others, however many empty topics there are', async () => {
  const { history, settings, say, page } = setUp({}, 100_000)
  say(1, { topic: 'log:quiet' })
  history.subscribe('log:a', settings)
  say(1)
  for (let n = 0; n < 1_000; n++) {
    history.subscribe(`log:joined-${n}`, settings)
    history.subscribe(`log:left-${n}`, settings)
    history.unsubscribe(`log:left-${n}`)
  }
  expect(history.bytes).toBeLessThanOrEqual(100_000)
  expect((await page({ last: 9 })).said).toEqual([[1, 1]])
  expect((await page({ last: 9 }, 'log:quiet')).said).toEqual([[1, 1]])
})

it('starts a new client at the beginning of the epoch, if the epoch of its join has ended meanwhile (RECOVERY-6)', () => {
  const { history, settings, say, recover } = setUp()
  const noted = history.head('log:a', settings)
  vi.advanceTimersByTime(60_000)
  say(1)
  expect(recover({ noted })).toMatchObject({ seq: 0, head: 1, recovered: false })
})
