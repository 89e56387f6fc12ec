import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { callback, checkOption, object } from '../../protocol/check.ts'
import { Broadcast } from '../../protocol/index.ts'
import { dispatch } from '../pubsub/fastlane.ts'
import { Histories } from '../pubsub/histories.ts'
import type { OpenHistory, Position, Recovery } from '../pubsub/history.ts'
import { PubSub } from '../pubsub/pubsub.ts'
import type { TopicHistory } from '../pubsub/topic-history.ts'
import { type SuiteListener, type SuiteMember, SuiteNode } from './suite-cluster.ts'

/** `SuiteMember` with the history store under test. */
export type HistoryMember = SuiteMember & { readonly openHistory: OpenHistory }

/** Options of `historySuite`: how to define a test, and how to create nodes with the store under test. */
export type HistorySuite = {
  /** Function that defines a test, such as `test` of vitest, jest or node:test. */
  test(title: string, run: () => Promise<void>): unknown
  /** Create a new cluster, which no other test uses. Returns a function that creates one more node at each call. */
  cluster():
    | (() => HistoryMember | Promise<HistoryMember>)
    | Promise<() => HistoryMember | Promise<HistoryMember>>
  /** Number of nodes that the tests use; 1 for a store of a single process. Default: 3. */
  readonly nodes?: number
}

const suiteOptions = object<HistorySuite>(
  {
    test: callback,
    cluster: callback,
    nodes: (value) => (Number(value) >= 1 ? null : { path: '', words: 'must be at least 1' }),
  },
  ['test', 'cluster'],
)
const SIZE = 50
const contract = {
  topic: 'log:*',
  outgoing: { said: {}, passed: {} },
  history: { events: ['said'], size: SIZE, ttlMs: 60_000 },
}
const said = (n: number, origin = {}) => new Broadcast('log:a', 'said', { n }, origin)

/**
 * Define the tests that every store of histories must pass. All nodes deliver the broadcasts of a history in the same
 * order, without gaps. A replay is complete or refused. Of several broadcasts with the same key, the history keeps only
 * one. Broadcasts that the history does not keep are delivered in order too.
 */
export function historySuite(suite: HistorySuite): void {
  checkOption('historySuite', suite, suiteOptions)
  keeping(suite)
  recovering(suite)
  reading(suite)
}

function keeping(suite: HistorySuite): void {
  suite.test('delivers each kept broadcast once per node, in one order on all nodes, numbered from 1', () =>
    withNodes(suite, async (nodes) => {
      const listeners = await Promise.all(nodes.map((node) => node.subscribe('log:a')))
      const sent: Promise<boolean>[] = []
      for (let n = 0; n < 40; n++) {
        for (const node of nodes) sent.push(node.pubsub.publish(said(n)))
        if (n % 7 === 0) await turn()
      }
      deepStrictEqual(new Set(await Promise.all(sent)), new Set([true]))
      for (const listener of listeners) {
        await listener.has(sent.length)
        deepStrictEqual(
          placesOf(listener),
          sent.map((_, index) => index + 1),
        )
        deepStrictEqual(listener.payloads, listeners[0]?.payloads)
      }
    }),
  )

  suite.test('keeps a repeated broadcast with a key once, and refuses this key for another broadcast', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      const listener = await first.subscribe('log:a')
      const options = { key: 'k' }
      const both = [first.pubsub.publish(said(1), options), last.pubsub.publish(said(1), options)]
      deepStrictEqual(await Promise.all(both), [true, true])
      const refused = await last.pubsub.publish(said(2), options).catch((error: unknown) => error)
      strictEqual(Object(refused).code, 'PHX_ERR_KEY_REUSED')
      strictEqual(await last.pubsub.publish(said(3), { key: 'other' }), true)
      await listener.has(2)
      deepStrictEqual(listener.payloads, [{ n: 1 }, { n: 3 }])
    }),
  )

  suite.test('delivers kept and unkept broadcasts in order, with sequence numbers only for kept ones', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      const listener = await last.subscribe('log:a')
      for (let n = 0; n < 20; n++) {
        void first.pubsub.broadcast(said(n), n % 4 === 2 ? { keep: false } : {})
        void first.pubsub.broadcast(new Broadcast('log:a', 'passed', { n }))
      }
      await listener.has(40)
      deepStrictEqual(
        listener.payloads,
        Array.from({ length: 40 }, (_, index) => ({ n: Math.floor(index / 2) })),
      )
      deepStrictEqual(
        placesOf(listener),
        Array.from({ length: 15 }, (_, index) => index + 1),
      )
    }),
  )

  suite.test('stores `from`, and does not deliver a broadcast to the subscriber whose id is in `from`', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      const [sender, other] = [await last.subscribe('log:a'), await last.subscribe('log:a')]
      await first.pubsub.publish(said(1, { from: sender.id }))
      await first.pubsub.publish(said(2))
      await other.has(2)
      await sender.has(1)
      deepStrictEqual(sender.payloads, [{ n: 2 }])
      const missed = await missedBy(historyOf(last), {
        epoch: (await recover(historyOf(last)))?.epoch ?? '',
        seq: 0,
      })
      deepStrictEqual(
        missed?.map(({ from }) => from),
        [sender.id, null],
      )
    }),
  )
}

function recovering(suite: HistorySuite): void {
  suite.test('on every node, replays all broadcasts after a cursor, or reports `recovered: false`', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      const listener = await first.subscribe('log:a')
      await last.subscribe('log:a')
      const { epoch = '' } = (await recover(historyOf(first))) ?? {}
      for (let n = 1; n <= 20; n++) await last.pubsub.publish(said(n))
      await listener.has(20)
      for (const node of [first, last]) {
        const history = historyOf(node)
        const since = { epoch, seq: 15 }
        deepStrictEqual(strip(await recover(history, { since })), {
          epoch,
          seq: 15,
          head: 20,
          recovered: true,
        })
        deepStrictEqual(
          (await missedBy(history, since))?.map(({ seq }) => seq),
          [16, 17, 18, 19, 20],
        )
        const newcomer = { epoch, seq: 18, head: 20, recovered: false }
        deepStrictEqual(strip(await recover(history, { last: 2 })), newcomer)
        const other = { epoch: `${epoch}0`, seq: 15 }
        deepStrictEqual(strip(await recover(history, { since: other, last: 2 })), newcomer)
        const ahead = { epoch, seq: 21 }
        strictEqual((await recover(history, { since: ahead }))?.recovered, false)
      }
    }),
  )

  suite.test('does not recover a client that has missed more broadcasts than are kept', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      await first.subscribe('log:a')
      const listener = await last.subscribe('log:a')
      const { epoch = '' } = (await recover(historyOf(last))) ?? {}
      // Publish many more than `SIZE`, because a store may keep somewhat more broadcasts than required.
      const count = SIZE * 10
      for (let n = 1; n <= count; n++) await first.pubsub.publish(said(n))
      await listener.has(count)
      strictEqual((await recover(historyOf(last), { since: { epoch, seq: 0 } }))?.recovered, false)
      strictEqual((await recover(historyOf(last), { since: { epoch, seq: count - SIZE } }))?.recovered, true)
    }),
  )

  suite.test('under load, loses no broadcast between a replay and the live broadcasts', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      await first.subscribe('log:a')
      const { epoch = '' } = (await recover(historyOf(first))) ?? {}
      let isOver = false
      const talking = (async () => {
        for (let n = 1; n <= 300; n++) {
          await first.pubsub.publish(said(n))
          if (n % 50 === 0) await turn()
        }
        isOver = true
      })()
      while (!isOver) {
        const listener = await last.subscribe('log:a')
        const history = historyOf(last)
        const recovery = await recover(history, { last: SIZE })
        if (recovery === null) throw new Error('the history cannot be read')
        const missed = await missedBy(history, recovery)
        const after = placesOf(listener).filter((seq) => seq > (missed?.at(-1)?.seq ?? recovery.seq))
        const all = [...(missed ?? []).map(({ seq }) => seq), ...after]
        deepStrictEqual(
          all,
          all.map((_, index) => recovery.seq + 1 + index),
        )
        strictEqual(recovery.epoch, epoch)
        last.pubsub.unsubscribe('log:a', listener)
        await turn()
      }
      await talking
    }),
  )
}

function reading(suite: HistorySuite): void {
  suite.test('reads a history on any node, in pages, without a subscription', () =>
    withNodes(suite, async (nodes) => {
      const [first, last] = endsOf(nodes)
      const before = Date.now()
      for (let n = 1; n <= 5; n++) await first.pubsub.publish(said(n))
      const history = historyOf(last)
      const page = await history.read({ last: 2 })
      deepStrictEqual(
        [page?.head, page?.hasOlder, page?.entries.map(({ seq, json }) => [seq, json])],
        [
          5,
          true,
          [
            [4, '{"n":4}'],
            [5, '{"n":5}'],
          ],
        ],
      )
      strictEqual(Math.abs((page?.entries[0]?.at ?? 0) - before) < 60_000, true)
      const older = await history.read({ last: 9, before: 4 })
      deepStrictEqual([older?.hasOlder, older?.entries.map(({ seq }) => seq)], [false, [1, 2, 3]])
      const following = await history.read({ since: 2, limit: 2 })
      deepStrictEqual(
        following?.entries.map(({ seq }) => seq),
        [3, 4],
      )
      const ofOtherEpoch = await history.read({ since: { epoch: '1', seq: 4 }, limit: 2 })
      deepStrictEqual(
        ofOtherEpoch?.entries.map(({ seq }) => seq),
        [1, 2],
      )
    }),
  )
}

type Request = { readonly since?: Position | null; readonly last?: number }

function recover(history: TopicHistory, { since = null, last = 0 }: Request = {}): Promise<Recovery | null> {
  return new Promise((resolve) => history.recover({ since, last, noted: null }, resolve))
}

/**
 * Read all broadcasts that the history replays after a position, in portions of at most 7. Returns null if the history
 * refuses the replay.
 */
async function missedBy(history: TopicHistory, { epoch, seq }: Position) {
  const missed: { readonly seq: number; readonly from: string | null }[] = []
  for (;;) {
    const portion = history.replay({ epoch, seq: missed.at(-1)?.seq ?? seq }, 7)
    if (portion === null) return null
    if (portion instanceof Promise) await portion
    else if (portion.length === 0) break
    else missed.push(...portion)
  }
  return missed
}

function strip(recovery: Recovery | null): object | null {
  if (recovery === null) return null
  const { epoch, seq, head, recovered } = recovery
  return { epoch, seq, head, recovered }
}

function placesOf(listener: SuiteListener): number[] {
  return listener.heard.map(({ seq }) => seq).filter((seq) => seq > 0)
}

function historyOf({ pubsub }: SuiteNode): TopicHistory {
  const history = pubsub.historyOf('log:a')
  if (history === null) throw new Error('the topic has no history')
  return history
}

function endsOf(nodes: readonly SuiteNode[]): [SuiteNode, SuiteNode] {
  const [first] = nodes
  const last = nodes.at(-1)
  if (first === undefined || last === undefined) throw new Error('the suite needs at least one node')
  return [first, last]
}

async function withNodes(
  suite: HistorySuite,
  run: (nodes: readonly SuiteNode[]) => Promise<void>,
): Promise<void> {
  const make = await suite.cluster()
  const nodes: SuiteNode[] = []
  try {
    for (let n = 0; n < (suite.nodes ?? 3); n++) {
      const member = await make()
      const history = {
        histories: new Histories([contract]),
        open: member.openHistory,
        maxBytes: 67_108_864,
        broken: (topics: readonly string[]) => void node.gaps.push(...topics),
        note() {},
      }
      const node: SuiteNode = new SuiteNode(
        member,
        n,
        new PubSub(member.adapter, dispatch, undefined, history),
      )
      nodes.push(node)
      await node.pubsub.start()
    }
    await run(nodes)
  } finally {
    for (const { pubsub, member } of nodes) {
      await pubsub.stop()
      await member.stop?.()
    }
  }
}
