import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import type { Recovery } from '../../../server/pubsub/history.ts'
import { HistoryJoins } from '../../../server/redis/history-joins.ts'
import { HistoryLog } from '../../../server/redis/history-log.ts'
import { SETTINGS } from '../../helpers/history-settings.ts'
import { ModelStream } from '../../helpers/model-stream.ts'

/** A log over a model of a stream, and what it delivers. */
function follow() {
  const stream = new ModelStream()
  const heard: string[] = []
  const notes: string[] = []
  const cached = { total: 0 }
  const log: HistoryLog = new HistoryLog('room:a', SETTINGS, {
    host: {
      maxBytes: 1_000_000,
      deliver: ({ seq }) => void heard.push(seq === 0 ? 'passed' : `${log.position?.epoch}-${seq}`),
      broken: () => void heard.push('broken'),
      note: ({ kind }) => void notes.push(kind),
      failed() {},
    },
    reader: stream,
    cached,
    report() {},
    touched() {},
    synced: () => joins.resume(),
  })
  const joins = new HistoryJoins(log, { add() {}, delete() {} })
  return { stream, log, joins, heard, notes, cached }
}

const passed = { epoch: null, at: 0, broadcast: new Broadcast('room:a', 'blinked', {}) }

const settle = async ({ stream, log, joins }: ReturnType<typeof follow>) => {
  stream.isAway = false
  for (const echoed of stream.published.splice(0)) log.receive(echoed)
  void log.sync()
  joins.resume()
  for (let quiet = 0; quiet < 3; ) {
    // A read that was on its way may have failed: the store's timer repeats it.
    if (log.mustSync) void log.sync()
    quiet = (await stream.answer()) ? 0 : quiet + 1
  }
}

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.constant('append' as const) },
  { weight: 8, arbitrary: fc.constant('arrive' as const) },
  { weight: 6, arbitrary: fc.constant('answer' as const) },
  fc.constantFrom('lose', 'swap', 'double', 'sync', 'check', 'trim', 'restart', 'away', 'back', 'join'),
)

test('sequence numbers are delivered once and in order, and a hole or a new epoch is reported before later messages', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), fc.nat(20), async (operations, seed) => {
      const followed = follow()
      const { stream, log, joins, heard } = followed
      const joined: { since: number; recovery: Recovery | null; next: number }[] = []
      await settle(followed)
      let step = seed
      for (const what of operations) {
        step += 7
        if (what === 'append') stream.append()
        else if (what === 'arrive') for (const echoed of stream.published.splice(0, 1)) log.receive(echoed)
        else if (what === 'answer') await stream.answer()
        else if (what === 'lose') stream.published.shift()
        else if (what === 'swap') stream.published.reverse()
        else if (what === 'double') stream.published.push(...stream.published.slice(0, 1))
        else if (what === 'sync') void log.sync()
        else if (what === 'check') void log.check()
        else if (what === 'trim') stream.trim(step % 4)
        else if (what === 'restart') stream.restart()
        else if (what === 'away') stream.isAway = true
        else if (what === 'back') stream.isAway = false
        else {
          const since = step % (stream.head + 2)
          const epoch = String(step % 5 === 0 ? stream.epoch - 1 : stream.epoch)
          joins.add({ since: { epoch, seq: since }, last: step % 3, noted: null }, (recovery) => {
            joined.push({ since, recovery, next: heard.length })
          })
        }
      }
      await settle(followed)

      // Every place follows the one before, unless the topic broke in between.
      let before = ''
      for (const place of heard) {
        const [epoch, seq] = place.split('-')
        const [beforeEpoch, beforeSeq] = before.split('-')
        if (place !== 'broken' && before !== 'broken' && before !== '') {
          const isFirst = epoch !== beforeEpoch && seq === '1' && beforeSeq === undefined
          if (!isFirst) expect([epoch, Number(seq)]).toEqual([beforeEpoch, Number(beforeSeq) + 1])
        }
        before = place
      }
      expect(log.position).toEqual({ epoch: String(stream.epoch), seq: stream.head })
      // All that is kept was delivered, unless the topic broke.
      const places = heard.filter((place) => place !== 'broken')
      expect(new Set(places).size).toBe(places.length)
      if (!heard.includes('broken')) expect(places.length).toBe(stream.head)
      // Every join is answered; a recovered client goes on at its cursor.
      expect(joined.length).toBe(operations.filter((what) => what === 'join').length)
      for (const { since, recovery } of joined) if (recovery?.recovered) expect(recovery.seq).toBe(since)
    }),
    { numRuns: 1_000 },
  )
})

test('a recovered client gets all messages above its cursor, whatever the log still contains', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ head: fc.integer({ min: 0, max: 30 }), kept: fc.nat(30), asked: fc.array(fc.nat(35)) }),
      async ({ head, kept, asked }) => {
        const followed = follow()
        const { stream, log, joins } = followed
        await settle(followed)
        for (let n = 0; n < head; n++) stream.append()
        await settle(followed)
        stream.trim(kept)
        const low = Math.max(1, head - kept + 1)
        for (const seq of asked) {
          const since = { epoch: '1', seq }
          let recovery: Recovery | null | undefined
          joins.add({ since, last: 0, noted: null }, (answer) => {
            recovery = answer
          })
          while (recovery === undefined) await stream.answer()
          const isWhole = seq <= head && seq >= low - 1
          expect(recovery).toMatchObject({ recovered: isWhole, seq: isWhole ? seq : head, head })
          if (!isWhole) continue
          const found: number[] = []
          for (let at = seq; at < head; at = found.at(-1) ?? at) {
            const replayed = log.replay({ epoch: '1', seq: at }, 4)
            if (Array.isArray(replayed)) found.push(...replayed.map((entry) => entry.seq))
            else await stream.answer()
          }
          expect(found).toEqual(Array.from({ length: head - seq }, (_, index) => seq + index + 1))
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('messages that arrive during a read are held, and messages that are not kept stay in their position', async () => {
  const followed = follow()
  const { stream, log, heard } = followed
  await settle(followed)
  stream.append()
  stream.append()
  const [, second] = stream.published
  if (second === undefined) throw new Error('not published')
  log.receive(second)
  log.receive(passed)
  expect(heard).toEqual([])
  await stream.answer()
  await stream.answer()
  expect(heard).toEqual(['1-1', '1-2', 'passed'])
})

test('what expires while it is remembered is not sent, and a cursor before it is not whole (RECOVERY-1)', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const followed = follow()
  const { stream, log, joins } = followed
  const recovers = async (seq: number) => {
    const answers: (Recovery | null)[] = []
    joins.add({ since: { epoch: '1', seq }, last: 0, noted: null }, (answer) => void answers.push(answer))
    await settle(followed)
    return answers.map((answer) => answer?.recovered)
  }
  await settle(followed)
  stream.append()
  stream.append()
  await settle(followed)
  vi.setSystemTime(Date.now() + SETTINGS.ttlMs - 1)
  expect(await recovers(0)).toEqual([true])
  stream.append()
  await settle(followed)
  vi.setSystemTime(Date.now() + 1)
  stream.trim(1)
  expect([await recovers(0), await recovers(1), await recovers(2)]).toEqual([[false], [false], [true]])
  expect(log.replay({ epoch: '1', seq: 0 }, 4)).toBeNull()
  expect(log.replay({ epoch: '1', seq: 2 }, 4)).toMatchObject([{ seq: 3 }])
})

test('a message that is not kept stays in its position if a kept one before it was lost (RECOVERY-14)', async () => {
  const followed = follow()
  const { stream, log, heard } = followed
  await settle(followed)
  for (let n = 0; n < 3; n++) stream.append()
  const [, second, third] = stream.published.splice(0)
  if (second === undefined || third === undefined) throw new Error('not published')
  for (const echoed of [second, passed, third, passed]) log.receive(echoed)
  expect(heard).toEqual([])
  await settle(followed)
  expect(heard).toEqual(['1-1', '1-2', 'passed', '1-3', 'passed'])
})

test('a read that ends after the topic was left does not count as cached', async () => {
  const followed = follow()
  const { stream, log, cached } = followed
  await settle(followed)
  for (let n = 0; n < 100; n++) stream.append()
  await settle(followed)
  const fetched = log.fetch(0)
  log.close()
  await stream.answer()
  expect(await fetched).toBe(false)
  expect(cached.total).toBe(0)
})

test('a new epoch is reported, even if this node has received no message of the old one (RECOVERY-11)', async () => {
  const followed = follow()
  const { stream, log, heard } = followed
  await settle(followed)
  // Other nodes have delivered these messages.
  for (let n = 0; n < 2; n++) stream.append()
  stream.published.length = 0
  stream.restart()
  await settle(followed)
  expect(heard).toEqual(['broken'])
  expect(log.position).toEqual({ epoch: '2', seq: 0 })
})
