import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { boolean, callback, checkOption, object } from '../../protocol/check.ts'
import { Broadcast } from '../../protocol/index.ts'
import { type PubSubSuite, type SuiteNode, withCluster } from './suite-cluster.ts'

const suiteOptions = object<PubSubSuite>(
  { test: callback, cluster: callback, isAlone: boolean, interrupt: callback },
  ['test', 'cluster'],
)

/**
 * Define the tests that every adapter must pass. Broadcasts must arrive once, in order, and only at subscribers of
 * their topic. After rapid calls of subscribe and unsubscribe for a topic, the last call must decide. The adapter must
 * report topics on which broadcasts may have been missed.
 */
export function pubsubSuite(suite: PubSubSuite): void {
  checkOption('pubsubSuite', suite, suiteOptions)
  alone(suite)
  if (suite.isAlone === true) return
  delivery(suite)
  payloads(suite)
  order(suite)
  races(suite)
  if (suite.interrupt !== undefined) gaps(suite, suite.interrupt)
}

const said = (n: number, topic = 'room:a') => new Broadcast(topic, 'said', { n })

function alone(suite: PubSubSuite): void {
  suite.test('delivers a broadcast on the sending node before `broadcast` returns', () =>
    withCluster(suite, async (cluster) => {
      const node = await cluster.node()
      const listener = await node.subscribe('room:a')
      const sent = node.pubsub.broadcast(said(1))
      deepStrictEqual(listener.payloads, [{ n: 1 }])
      if (sent !== undefined) strictEqual(await sent, true)
    }),
  )

  suite.test('delivers a local broadcast on its own node, and no broadcast to its sender', () =>
    withCluster(suite, async (cluster) => {
      const node = await cluster.node()
      const [sender, other] = [await node.subscribe('room:a'), await node.subscribe('room:a')]
      node.pubsub.localBroadcast(said(1))
      await node.pubsub.broadcast(new Broadcast('room:a', 'said', { n: 2 }, { from: sender.id }))
      deepStrictEqual([sender.payloads, other.payloads], [[{ n: 1 }], [{ n: 1 }, { n: 2 }]])
    }),
  )
}

function delivery(suite: PubSubSuite): void {
  suite.test('delivers a broadcast once on every node that subscribes to the topic', () =>
    withCluster(suite, async (cluster) => {
      const [a, b, c] = [await cluster.node(), await cluster.node(), await cluster.node()]
      const [onA, onB, other] = [
        await a.subscribe('room:a'),
        await b.subscribe('room:a'),
        await c.subscribe('room:ab'),
      ]
      strictEqual(await a.pubsub.broadcast(said(1)), true)
      strictEqual(await b.pubsub.broadcast(said(2)), true)
      strictEqual(await a.pubsub.broadcast(said(3, 'room:ab')), true)
      await other.has(1)
      await onA.has(2)
      await onB.has(2)
      deepStrictEqual(sorted(onA.payloads), [{ n: 1 }, { n: 2 }])
      deepStrictEqual(sorted(onB.payloads), [{ n: 1 }, { n: 2 }])
      deepStrictEqual(other.payloads, [{ n: 3 }])
    }),
  )

  suite.test('delivers a broadcast from a node that has not subscribed to the topic', () =>
    withCluster(suite, async (cluster) => {
      const [a, b] = [await cluster.node(), await cluster.node()]
      const listener = await b.subscribe('room:a')
      await a.pubsub.broadcast(said(1))
      await listener.has(1)
      deepStrictEqual(listener.payloads, [{ n: 1 }])
    }),
  )

  suite.test('does not deliver a broadcast back to its sender, or a local broadcast to other nodes', () =>
    withCluster(suite, async (cluster) => {
      const [a, b] = [await cluster.node(), await cluster.node()]
      const [sender, other] = [await b.subscribe('room:a'), await b.subscribe('room:a')]
      a.pubsub.localBroadcast(said(1))
      await a.pubsub.broadcast(new Broadcast('room:a', 'said', { n: 2 }, { from: sender.id }))
      await a.pubsub.broadcast(said(3))
      await other.has(2)
      deepStrictEqual([sender.payloads, other.payloads], [[{ n: 3 }], [{ n: 2 }, { n: 3 }]])
    }),
  )

  suite.test('delivers no broadcast of an unsubscribed topic, and none after the adapter has stopped', () =>
    withCluster(suite, async (cluster) => {
      const [a, b, c] = [await cluster.node(), await cluster.node(), await cluster.node()]
      const [left, stopped, witness] = [
        await b.subscribe('room:a'),
        await c.subscribe('room:a'),
        await a.subscribe('room:a'),
      ]
      b.pubsub.unsubscribe('room:a', left)
      await c.pubsub.stop()
      const other = await b.subscribe('room:b')
      for (const topic of ['room:a', 'room:b']) await a.pubsub.broadcast(said(1, topic))
      await other.has(1)
      deepStrictEqual([left.payloads, stopped.payloads, witness.payloads], [[], [], [{ n: 1 }]])
    }),
  )
}

function payloads(suite: PubSubSuite): void {
  suite.test('carries JSON, bytes and texts of every kind unchanged', () =>
    withCluster(suite, async (cluster) => {
      const [a, b] = [await cluster.node(), await cluster.node()]
      const sent = [
        {},
        { text: 'ÄöΩ✓🙂\u2028\0"\\', deep: { list: [1, null, true, 1e21] }, ['__proto__']: 1 },
        { long: 'x'.repeat(200_000) },
        new Uint8Array([]),
        Uint8Array.from({ length: 256 }, (_, index) => index),
      ]
      const topic = 'room:{a}b%7D ü🙂\n*?[x]'
      const listener = await b.subscribe(topic)
      for (const payload of sent) {
        await a.pubsub.broadcast(new Broadcast(topic, 'ünï {x}', payload, { from: 'nobody ü' }))
      }
      await listener.has(sent.length)
      deepStrictEqual(listener.payloads.map(plain), sent.map(plain))
      const { heard } = listener
      deepStrictEqual(new Set(heard.map(({ event }) => event)), new Set(['ünï {x}']))
      deepStrictEqual(new Set(heard.map((broadcast) => broadcast.topic)), new Set([topic]))
      deepStrictEqual(new Set(heard.map(({ from }) => from)), new Set(['nobody ü']))
    }),
  )
}

function order(suite: PubSubSuite): void {
  suite.test('delivers all broadcasts of one node on one topic, in order', () =>
    withCluster(suite, async (cluster) => {
      const [a, b, c] = [await cluster.node(), await cluster.node(), await cluster.node()]
      const topics = ['room:a', 'room:b']
      const listeners = [await c.subscribe('room:a'), await c.subscribe('room:b')]
      const sent: unknown[] = []
      for (let n = 0; n < 500; n++) {
        for (const [from, node] of [a, b].entries()) {
          for (const topic of topics) {
            sent.push(node.pubsub.broadcast(new Broadcast(topic, 'said', { from, n })))
          }
        }
        // Send several broadcasts per event-loop turn, but not all in one turn.
        if (n % 7 === 0) await turn()
      }
      deepStrictEqual(new Set(await Promise.all(sent)), new Set([true]))
      const counted = Array.from({ length: 500 }, (_, n) => n)
      for (const listener of listeners) {
        await listener.has(1_000)
        for (const from of [0, 1]) {
          const of = listener.payloads.filter((payload) => Reflect.get(payload, 'from') === from)
          deepStrictEqual(
            of.map((payload) => Reflect.get(payload, 'n')),
            counted,
          )
        }
      }
    }),
  )

  suite.test('subscribes to many topics in one event-loop turn', () =>
    withCluster(suite, async (cluster) => {
      const [a, b] = [await cluster.node(), await cluster.node()]
      const topics = Array.from({ length: 300 }, (_, n) => `user:${n}`)
      const listeners = await Promise.all(topics.map((topic) => b.subscribe(topic)))
      for (const topic of topics) await a.pubsub.broadcast(said(1, topic))
      for (const listener of listeners) await listener.has(1)
    }),
  )
}

function races(suite: PubSubSuite): void {
  suite.test('handles an unsubscribe during a pending subscribe', () =>
    race(suite, async (node, topic) => {
      const { listener, stands } = node.begin(topic)
      node.pubsub.unsubscribe(topic, listener)
      await stands
      return []
    }),
  )

  suite.test('handles a subscribe during a pending unsubscribe', () =>
    race(suite, async (node, topic, turns) => {
      const left = await node.subscribe(topic)
      node.pubsub.unsubscribe(topic, left)
      for (let n = 0; n < turns; n++) await turn()
      return [await node.subscribe(topic)]
    }),
  )

  suite.test('after many quick subscribe and unsubscribe calls for a topic, the last call takes effect', () =>
    race(suite, async (node, topic, turns) => {
      const waits: Promise<void>[] = []
      for (let n = 0; n < turns; n++) {
        const { listener, stands } = node.begin(topic)
        waits.push(Promise.resolve(stands))
        if (n % 3 === 1) await turn()
        node.pubsub.unsubscribe(topic, listener)
        if (n % 5 === 1) await turn()
      }
      const last = await node.subscribe(topic)
      await Promise.all(waits)
      return [last]
    }),
  )
}

/**
 * Run a race 30 times, each time on its own topic. `run` gets the number of the race, so that each race can wait a
 * different number of event-loop turns. Each listener that `run` returns must receive one broadcast.
 */
async function race(
  suite: PubSubSuite,
  run: (node: SuiteNode, topic: string, turns: number) => Promise<Listener[]>,
): Promise<void> {
  await withCluster(suite, async (cluster) => {
    const [a, b] = [await cluster.node(), await cluster.node()]
    for (let turns = 0; turns < 30; turns++) {
      const topic = `room:${turns}`
      const listeners = await run(b, topic, turns)
      const witness = await b.subscribe('room:witness')
      await a.pubsub.broadcast(said(turns, topic))
      await a.pubsub.broadcast(said(turns, 'room:witness'))
      await witness.has(1)
      for (const listener of listeners) {
        await listener.has(1)
        deepStrictEqual(listener.payloads, [{ n: turns }])
      }
      b.pubsub.unsubscribe('room:witness', witness)
    }
  })
}

type Listener = Awaited<ReturnType<SuiteNode['subscribe']>>

function gaps(suite: PubSubSuite, interrupt: NonNullable<PubSubSuite['interrupt']>): void {
  suite.test('after an interruption, reports a gap on each subscribed topic, and resubscribes', () =>
    withCluster(suite, async (cluster) => {
      const [a, b] = [await cluster.node(), await cluster.node()]
      const listener = await b.subscribe('room:a')
      await b.subscribe('room:b')
      const left = await b.subscribe('room:left')
      b.pubsub.unsubscribe('room:left', left)
      await interrupt(b.member)
      await b.missed(2)
      deepStrictEqual([...b.gaps].sort(), ['room:a', 'room:b'])
      await a.pubsub.broadcast(said(1))
      await listener.has(1)
      deepStrictEqual(listener.payloads, [{ n: 1 }])
      deepStrictEqual(a.gaps, [])
    }),
  )
}

function sorted(payloads: object[]): object[] {
  return [...payloads].sort((a, b) => Number(Reflect.get(a, 'n')) - Number(Reflect.get(b, 'n')))
}

/** Convert bytes to a plain array, because an adapter can deliver them as a Buffer or another `Uint8Array`. */
function plain(payload: object): unknown {
  return payload instanceof Uint8Array ? Array.from(payload) : payload
}
