import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import { type Holder, Holdings } from '../../../server/channel/holdings.ts'
import type { PubSubAdapter } from '../../../server/pubsub/adapter.ts'
import { dispatch } from '../../../server/pubsub/fastlane.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { PubSub } from '../../../server/pubsub/pubsub.ts'

/** A channel that writes down what it is sent. */
class Listener implements Holder {
  readonly id = 'channel-1'
  readonly senderId = 'channel-1'
  readonly topic = 'room:lobby'
  readonly heard: [string, unknown][] = []

  sendInfo(name: string, value?: unknown): void {
    this.heard.push([name, value])
  }

  listenerFailed(cause: unknown): void {
    this.heard.push(['failed', cause])
  }
}

function setUp() {
  const pubsub = new PubSub(new LocalAdapter(), dispatch)
  const channel = new Listener()
  return { pubsub, channel, holdings: new Holdings(channel, pubsub) }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a timer sends the channel a message, once', () => {
  const { holdings, channel } = setUp()
  holdings.startTimer(50, 'tick', { n: 1 })
  vi.advanceTimersByTime(49)
  expect(channel.heard).toEqual([])
  vi.advanceTimersByTime(500)
  expect(channel.heard).toEqual([['tick', { n: 1 }]])
})

test('a timer can be taken back, also twice and also too late', () => {
  const { holdings, channel } = setUp()
  const cancel = holdings.startTimer(50, 'tick', null)
  const tooLate = holdings.startTimer(10, 'tock', null)
  vi.advanceTimersByTime(20)
  for (const take of [cancel, cancel, tooLate]) take()
  vi.advanceTimersByTime(100)
  expect(channel.heard).toEqual([['tock', null]])
})

test('the timers end with the channel (END-3)', () => {
  const { holdings, channel } = setUp()
  holdings.startTimer(50, 'tick', null)
  holdings.startTimer(60, 'tock', null)
  holdings.release()
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(100)
  expect(channel.heard).toEqual([])
})

test('a broadcast of a subscribed topic comes as the message `broadcast`, once', () => {
  const { holdings, pubsub, channel } = setUp()
  void holdings.subscribe('news')
  void holdings.subscribe('news')
  const broadcast = new Broadcast('news', 'headline', { n: 1 })
  pubsub.localBroadcast(broadcast)
  expect(channel.heard).toEqual([['broadcast', broadcast]])
})

test('what the channel itself sends from elsewhere does not come back (BROADCAST-2)', () => {
  const { holdings, pubsub, channel } = setUp()
  void holdings.subscribe('news')
  pubsub.localBroadcast(new Broadcast('news', 'headline', {}, { from: 'channel-1' }))
  expect(channel.heard).toEqual([])
})

test('nothing comes after the subscription was given back', () => {
  const { holdings, pubsub, channel } = setUp()
  void holdings.subscribe('news')
  holdings.unsubscribe('news')
  holdings.unsubscribe('never')
  pubsub.localBroadcast(new Broadcast('news', 'headline', {}))
  expect(channel.heard).toEqual([])
})

test('the subscriptions end with the channel (END-3)', () => {
  const { holdings, pubsub } = setUp()
  void holdings.subscribe('news')
  void holdings.subscribe('weather')
  holdings.release()
  expect([...pubsub.topics('')]).toEqual([])
})

test('passes on the promise of a subscription that does not stand yet', async () => {
  const slow: PubSubAdapter = Object.assign(new LocalAdapter(), { subscribe: () => Promise.resolve() })
  const holdings = new Holdings(new Listener(), new PubSub(slow, dispatch))
  await expect(holdings.subscribe('news')).resolves.toBeUndefined()
})

test('tells each listener of the end, once', () => {
  const { holdings, channel } = setUp()
  const told: unknown[] = []
  const listener = { ended: (ended: Holder) => told.push(ended) }
  holdings.addListener(listener)
  holdings.addListener(listener)
  holdings.release()
  holdings.release()
  expect(told).toEqual([channel])
})
