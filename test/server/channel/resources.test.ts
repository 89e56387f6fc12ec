import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import { type ResourceOwner, Resources } from '../../../server/channel/resources.ts'
import type { PubSubAdapter } from '../../../server/pubsub/adapter.ts'
import { dispatch } from '../../../server/pubsub/fastlane.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { PubSub } from '../../../server/pubsub/pubsub.ts'

/** A channel that writes down what it is sent. */
class Listener implements ResourceOwner {
  readonly id = 'channel-1'
  readonly senderId = 'channel-1'
  readonly topic = 'room:lobby'
  readonly heard: [string, unknown][] = []

  sendInfo(name: string, value?: unknown): void {
    this.heard.push([name, value])
  }

  report(_callback: string, cause: unknown): void {
    this.heard.push(['failed', cause])
  }
}

function setUp() {
  const pubsub = new PubSub(new LocalAdapter(), dispatch)
  const channel = new Listener()
  return { pubsub, channel, resources: new Resources(channel, pubsub) }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a timer sends a message to the channel once', () => {
  const { resources, channel } = setUp()
  resources.startTimer(50, 'tick', { n: 1 })
  vi.advanceTimersByTime(49)
  expect(channel.heard).toEqual([])
  vi.advanceTimersByTime(500)
  expect(channel.heard).toEqual([['tick', { n: 1 }]])
})

test('a timer can be cancelled, even twice or too late', () => {
  const { resources, channel } = setUp()
  const cancel = resources.startTimer(50, 'tick', null)
  const tooLate = resources.startTimer(10, 'tock', null)
  vi.advanceTimersByTime(20)
  for (const take of [cancel, cancel, tooLate]) take()
  vi.advanceTimersByTime(100)
  expect(channel.heard).toEqual([['tock', null]])
})

test('the timers end with the channel (END-3)', () => {
  const { resources, channel } = setUp()
  resources.startTimer(50, 'tick', null)
  resources.startTimer(60, 'tock', null)
  resources.release()
  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(100)
  expect(channel.heard).toEqual([])
})

test('a broadcast of a subscribed topic arrives once, as the message `broadcast`', () => {
  const { resources, pubsub, channel } = setUp()
  void resources.subscribe('news')
  void resources.subscribe('news')
  const broadcast = new Broadcast('news', 'headline', { n: 1 })
  pubsub.localBroadcast(broadcast)
  expect(channel.heard).toEqual([['broadcast', broadcast]])
})

test('broadcasts that the channel itself sends do not come back to it (BROADCAST-2)', () => {
  const { resources, pubsub, channel } = setUp()
  void resources.subscribe('news')
  pubsub.localBroadcast(new Broadcast('news', 'headline', {}, { from: 'channel-1' }))
  expect(channel.heard).toEqual([])
})

test('nothing arrives after unsubscribing', () => {
  const { resources, pubsub, channel } = setUp()
  void resources.subscribe('news')
  resources.unsubscribe('news')
  resources.unsubscribe('never')
  pubsub.localBroadcast(new Broadcast('news', 'headline', {}))
  expect(channel.heard).toEqual([])
})

test('the subscriptions end with the channel (END-3)', () => {
  const { resources, pubsub } = setUp()
  void resources.subscribe('news')
  void resources.subscribe('weather')
  resources.release()
  expect([...pubsub.topics('')]).toEqual([])
})

test('returns the promise of a pending subscription', async () => {
  const slow: PubSubAdapter = Object.assign(new LocalAdapter(), { subscribe: () => Promise.resolve() })
  const resources = new Resources(new Listener(), new PubSub(slow, dispatch))
  await expect(resources.subscribe('news')).resolves.toBeUndefined()
})

test('calls each end listener once', () => {
  const { resources, channel } = setUp()
  const told: unknown[] = []
  const listener = { ended: (ended: ResourceOwner) => told.push(ended) }
  resources.addListener(listener)
  resources.addListener(listener)
  resources.release()
  resources.release()
  expect(told).toEqual([channel])
})
