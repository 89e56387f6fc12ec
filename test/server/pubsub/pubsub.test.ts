import { describe, expect, test } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import type { Deliver, PubSubAdapter } from '../../../server/pubsub/adapter.ts'
import { dispatch } from '../../../server/pubsub/fastlane.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { PubSub, type Subscriber } from '../../../server/pubsub/pubsub.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { thenable } from '../../helpers/mistakes.ts'

class Listener implements Subscriber {
  readonly id: string
  readonly heard: unknown[] = []

  constructor(id = 'listener') {
    this.id = id
  }

  receive(broadcast: Broadcast): void {
    this.heard.push(broadcast.payload)
  }
}

/** Nodes that are reached a while after they are called, in the order of the calls. */
class Wire implements PubSubAdapter {
  readonly log: string[] = []
  readonly standing = new Map<string, Deferred>()
  deliver: Deliver = () => {}

  start(deliver: Deliver): void {
    this.deliver = deliver
  }
  stop(): void {
    this.log.push('stop')
  }
  subscribe(topic: string): Promise<void> {
    this.log.push(`subscribe ${topic}`)
    const standing = new Deferred()
    this.standing.set(topic, standing)
    return standing.promise
  }
  unsubscribe(topic: string): void {
    this.log.push(`unsubscribe ${topic}`)
  }
  async publish({ topic }: Broadcast): Promise<boolean> {
    this.log.push(`publish ${topic}`)
    await turn()
    this.log.push(`published ${topic}`)
    return true
  }
}

const said = (n: number, topic = 'room:a') => new Broadcast(topic, 'said', { n })
const local = () => new PubSub(new LocalAdapter(), dispatch)

describe('on one node', () => {
  test('a broadcast reaches every subscriber of its topic at once, and no others', () => {
    const pubsub = local()
    const [one, two, other] = [new Listener(), new Listener(), new Listener()]
    void pubsub.subscribe('room:a', one)
    void pubsub.subscribe('room:a', two)
    void pubsub.subscribe('room:ab', other)
    void pubsub.broadcast(said(1))
    expect([one.heard, two.heard, other.heard]).toEqual([[{ n: 1 }], [{ n: 1 }], []])
  })

  test('broadcasts stay in order and without gaps', () => {
    const pubsub = local()
    const listener = new Listener()
    void pubsub.subscribe('room:a', listener)
    for (let n = 0; n < 1_000; n++) void pubsub.broadcast(said(n))
    expect(listener.heard).toEqual(Array.from({ length: 1_000 }, (_, n) => ({ n })))
  })

  test('subscribing twice has the effect of subscribing once', () => {
    const pubsub = local()
    const listener = new Listener()
    void pubsub.subscribe('room:a', listener)
    void pubsub.subscribe('room:a', listener)
    pubsub.localBroadcast(said(1))
    expect(listener.heard).toHaveLength(1)
  })

  test('a subscriber gets nothing after it unsubscribes, and a topic without subscribers is removed', () => {
    const pubsub = local()
    const [one, two] = [new Listener(), new Listener()]
    for (const listener of [one, two]) void pubsub.subscribe('room:a', listener)
    pubsub.unsubscribe('room:a', one)
    pubsub.unsubscribe('room:a', one)
    pubsub.unsubscribe('room:never', one)
    void pubsub.broadcast(said(1))
    expect([one.heard.length, two.heard.length]).toEqual([0, 1])
    expect([...pubsub.subscribers('room:a')]).toEqual([two])
    pubsub.unsubscribe('room:a', two)
    expect([...pubsub.topics(''), ...pubsub.subscribers('room:a')]).toEqual([])
  })

  test('lists the topics with a prefix; any text can be a topic', () => {
    const pubsub = local()
    for (const topic of ['room:a', 'room:b', 'game:a', '__proto__', '']) {
      void pubsub.subscribe(topic, new Listener())
    }
    expect([...pubsub.topics('room:')]).toEqual(['room:a', 'room:b'])
    expect([...pubsub.topics('')]).toHaveLength(5)
  })

  test('a subscriber can unsubscribe while it receives, and the others still receive the broadcast', () => {
    const pubsub = local()
    const last = new Listener()
    const once: Subscriber = { id: 'once', receive: () => pubsub.unsubscribe('room:a', once) }
    void pubsub.subscribe('room:a', once)
    void pubsub.subscribe('room:a', last)
    void pubsub.broadcast(said(1))
    expect([...pubsub.subscribers('room:a')]).toEqual([last])
    expect(last.heard).toHaveLength(1)
  })

  test('a subscriber that is added during a broadcast does not get it', () => {
    const pubsub = local()
    const late = new Listener()
    const again: Subscriber = {
      id: 'again',
      receive() {
        pubsub.unsubscribe('room:a', again)
        void pubsub.subscribe('room:a', again)
        void pubsub.subscribe('room:a', late)
      },
    }
    void pubsub.subscribe('room:a', new Listener())
    void pubsub.subscribe('room:a', again)
    void pubsub.broadcast(said(1))
    expect(late.heard).toEqual([])
    void pubsub.broadcast(said(2))
    expect(late.heard).toEqual([{ n: 2 }])
  })
})

describe('with other nodes', () => {
  test('subscribes to a topic on other nodes for its first subscriber, and unsubscribes after its last', () => {
    const wire = new Wire()
    const pubsub = new PubSub(wire, dispatch)
    const [one, two] = [new Listener(), new Listener()]
    void pubsub.subscribe('room:a', one)
    void pubsub.subscribe('room:a', two)
    pubsub.unsubscribe('room:a', one)
    pubsub.unsubscribe('room:a', two)
    expect(wire.log).toEqual(['subscribe room:a', 'unsubscribe room:a'])
  })

  test('every subscriber waits until the topic is subscribed to, the second as well as the first', async () => {
    const wire = new Wire()
    const pubsub = new PubSub(wire, dispatch)
    const stand: string[] = []
    const subscribe = async (name: string) => {
      await pubsub.subscribe('room:a', new Listener())
      stand.push(name)
    }
    const first = subscribe('first')
    const second = subscribe('second')
    await turn()
    expect(stand).toEqual([])
    wire.standing.get('room:a')?.resolve()
    await Promise.all([first, second])
    expect(stand).toEqual(['first', 'second'])
    expect(pubsub.subscribe('room:a', new Listener())).toBeUndefined()
  })

  test('publishes before it delivers locally, and resolves with whether the other nodes were sent it', async () => {
    const wire = new Wire()
    const pubsub = new PubSub(wire, dispatch)
    const listener: Subscriber = { id: 'l', receive: () => void wire.log.push('heard') }
    void pubsub.subscribe('room:a', listener)
    const published = pubsub.broadcast(said(1))
    expect(wire.log).toEqual(['subscribe room:a', 'publish room:a', 'heard'])
    await expect(published).resolves.toBe(true)
    expect(wire.log.at(-1)).toBe('published room:a')
  })

  test('delivers broadcasts of other nodes between start and stop, and does not publish them again', async () => {
    const wire = new Wire()
    const pubsub = new PubSub(wire, dispatch)
    const listener = new Listener()
    void pubsub.subscribe('room:a', listener)
    await pubsub.start()
    wire.deliver(said(1))
    wire.deliver(said(2, 'room:nobody'))
    expect(listener.heard).toEqual([{ n: 1 }])
    await pubsub.stop()
    expect(wire.log).toEqual(['subscribe room:a', 'stop'])
  })

  test('a local broadcast is not sent to other nodes', () => {
    const wire = new Wire()
    new PubSub(wire, dispatch).localBroadcast(said(1))
    expect(wire.log).toEqual([])
  })
})

describe('an adapter that throws', () => {
  const broken = (): { adapter: PubSubAdapter; wire: Wire } => {
    const wire = new Wire()
    const fail = () => {
      throw new Error('x')
    }
    return { wire, adapter: Object.assign(wire, { subscribe: fail, unsubscribe: fail, publish: fail }) }
  }

  test('is reported, and subscribers still get the broadcasts of their own node (BROADCAST-7)', async () => {
    const failed: string[] = []
    const pubsub = new PubSub(broken().adapter, dispatch, (call) => void failed.push(call))
    const listener = new Listener()
    expect(pubsub.subscribe('room:a', listener)).toBeUndefined()
    expect(await pubsub.broadcast(said(1))).toBe(false)
    pubsub.unsubscribe('room:a', listener)
    expect([listener.heard, failed]).toEqual([[{ n: 1 }], ['subscribe', 'publish', 'unsubscribe']])
  })

  test('is reported when its `unsubscribe` rejects, which nobody awaits', async () => {
    const failed: string[] = []
    const unsubscribe = async () => {
      throw new Error('x')
    }
    const adapter = Object.assign(new LocalAdapter(), { unsubscribe })
    const pubsub = new PubSub(adapter, dispatch, (call) => void failed.push(call))
    const listener = new Listener()
    void pubsub.subscribe('room:a', listener)
    pubsub.unsubscribe('room:a', listener)
    await turn()
    expect(failed).toEqual(['unsubscribe'])
  })

  test('can return a promise of any library', async () => {
    const subscribe = () => thenable((done) => [done({}), done({})])
    const pubsub = new PubSub(Object.assign(new Wire(), { subscribe }), dispatch)
    await pubsub.subscribe('room:a', new Listener())
  })

  test('is not affected if a subscriber throws (BROADCAST-7)', async () => {
    const failed: string[] = []
    const { wire } = broken()
    const pubsub = new PubSub(wire, dispatch, (call) => void failed.push(call))
    await pubsub.start()
    const receive = () => {
      throw new Error('x')
    }
    void pubsub.subscribe('room:a', { id: '1', receive })
    wire.deliver(said(1))
    expect(failed).toEqual(['subscribe', 'deliver'])
  })
})
