import { describe, expect, test } from 'vitest'
import type { Broadcast } from '../../../protocol/index.ts'
import type { Deliver, Gap, PubSubAdapter } from '../../../server/pubsub/adapter.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { pubsubSuite } from '../../../server/testing/pubsub-suite.ts'
import { turn } from '../../helpers/deferred.ts'

describe('the adapter of a single node', () => {
  pubsubSuite({ test, isAlone: true, cluster: () => () => ({ adapter: new LocalAdapter() }) })
})

/** Nodes of one process that reach each other a turn later. */
class Wire {
  readonly ends: End[] = []
}

class End implements PubSubAdapter {
  readonly wire: Wire
  readonly topics: Set<string>
  deliver: Deliver | null
  gap: Gap

  constructor(wire: Wire) {
    this.wire = wire
    this.topics = new Set()
    this.deliver = null
    this.gap = () => {}
  }

  start(deliver: Deliver, gap: Gap): void {
    this.deliver = deliver
    this.gap = gap
    this.wire.ends.push(this)
  }
  stop(): void {
    this.deliver = null
  }
  subscribe(topic: string): void {
    this.topics.add(topic)
  }
  unsubscribe(topic: string): void {
    this.topics.delete(topic)
  }
  async publish(broadcast: Broadcast): Promise<boolean> {
    await turn()
    for (const end of this.wire.ends) {
      if (end !== this && end.topics.has(broadcast.topic)) end.deliver?.(broadcast)
    }
    return true
  }
  interrupt(): void {
    this.gap([...this.topics])
  }
}

/** The tests of the suite, or those of these titles, run on an adapter; the titles of those that fail. */
async function failuresOf(adapterOf: (wire: Wire) => PubSubAdapter, ...titles: string[]): Promise<string[]> {
  const tests: { title: string; run: () => Promise<void> }[] = []
  pubsubSuite({
    test: (title, run) => tests.push({ title, run }),
    cluster() {
      const wire = new Wire()
      return () => ({ adapter: adapterOf(wire) })
    },
    interrupt: ({ adapter }) => (adapter instanceof End ? adapter.interrupt() : undefined),
  })
  const failed: string[] = []
  for (const { title, run } of tests) {
    if (titles.length === 0 || titles.includes(title)) await run().catch(() => failed.push(title))
  }
  return failed
}

describe('the suite', () => {
  test('passes a correct adapter', async () => {
    expect(await failuresOf((wire) => new End(wire))).toEqual([])
  })

  test('fails an adapter that sends to the publisher too', async () => {
    class Echoing extends End {
      override async publish(broadcast: Broadcast): Promise<boolean> {
        const sent = await super.publish(broadcast)
        if (this.topics.has(broadcast.topic)) this.deliver?.(broadcast)
        return sent
      }
    }
    const title = 'delivers a broadcast once on every node that subscribes to the topic'
    expect(await failuresOf((wire) => new Echoing(wire), title)).toEqual([title])
  })

  test('fails an adapter that swaps broadcasts, delivers after its end, or reports wrong gaps', async () => {
    class Careless extends End {
      readonly #waiting: Broadcast[] = []
      override async publish(broadcast: Broadcast): Promise<boolean> {
        if (broadcast.payload !== null && Reflect.get(Object(broadcast.payload), 'n') === 7) {
          this.#waiting.push(broadcast)
          return true
        }
        const sent = await super.publish(broadcast)
        for (const waiting of this.#waiting.splice(0)) await super.publish(waiting)
        return sent
      }
      override stop(): void {}
      override interrupt(): void {
        this.gap([...this.topics, 'room:left'])
      }
    }
    const titles = [
      'delivers no broadcast of an unsubscribed topic, and none after the adapter has stopped',
      'delivers all broadcasts of one node on one topic, in order',
      'after an interruption, reports a gap on each subscribed topic, and resubscribes',
    ]
    expect(await failuresOf((wire) => new Careless(wire), ...titles)).toEqual(titles)
  })
})
