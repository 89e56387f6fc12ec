import { expect, test, vi } from 'vitest'
import type { Broadcast } from '../../../protocol/index.ts'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import type { OnGap } from '../../../server/endpoint/gap.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'
import type { Gap } from '../../../server/pubsub/adapter.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { BreakableEngine } from '../../helpers/breakable-engine.ts'
import { type Client, TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { KeptRoom, KeptSocket } from '../../helpers/kept-room.ts'
import { CRASHED, JOINED } from '../../helpers/one-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'

/** An adapter whose test reports the gaps, and lets subscriptions stand. */
class GappyAdapter extends LocalAdapter {
  gap: Gap = () => {}
  standing: Promise<void> | undefined

  override start(_deliver?: (broadcast: Broadcast) => void, gap: Gap = () => {}): void {
    this.gap = gap
  }

  override subscribe(): void | Promise<void> {
    return this.standing
  }
}

const ended: unknown[] = []
const Room = defineUntypedChannel('room:*', {
  join: () => ({ ok: {} }),
  terminate: (reason) => void ended.push(reason),
})
const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)

async function start(onGap?: OnGap) {
  const adapter = new GappyAdapter()
  const endpoint = new TestEndpoint({ engine: new LocalEngine(adapter), ...(onGap && { onGap }) })
  await endpoint.start()
  ended.length = 0
  const join = async (topic: string): Promise<Client> => {
    const client = await endpoint.connect(UserSocket)
    client.send(`["1","1","${topic}","phx_join",{}]`)
    return client
  }
  const members = async (topic: string, count: number) => {
    const clients = await Promise.all(Array.from({ length: count }, () => join(topic)))
    for (const client of clients) client.take()
    return clients
  }
  return { adapter, endpoint, join, members }
}

test('publishes each topic, and does not affect its channels by default (BROADCAST-6)', async () => {
  useFakeTimers()
  const { adapter, endpoint, members } = await start()
  const told = listenTo(telemetry.gap)
  const [ann] = await members('room:a', 1)
  adapter.gap(['room:a', 'users:1'])
  vi.advanceTimersByTime(10_000)
  expect(told).toEqual([
    { endpoint, topic: 'room:a' },
    { endpoint, topic: 'users:1' },
  ])
  expect(ann?.take()).toEqual([])
})

test('makes the channels of the topics rejoin, spread over 5 s (BROADCAST-6)', async () => {
  useFakeTimers()
  const { adapter, endpoint, members } = await start('rejoin')
  const clients = await members('room:a', 250)
  const others = await members('room:b', 3)
  adapter.gap(['room:a', 'room:nobody'])
  const left = [0, 2_500, 2_500].map((ms) => {
    vi.advanceTimersByTime(ms)
    return endpoint.localMemberCount('room:a')
  })
  expect(left).toEqual([250, 100, 0])
  expect(new Set(clients.flatMap((client) => client.take()))).toEqual(new Set([CRASHED]))
  expect(others.flatMap((client) => client.take())).toEqual([])
  expect(ended).toEqual(clients.map(() => ({ shutdown: 'gap' })))
  expect(vi.getTimerCount()).toBe(1) // the sweep
})

test('ends few channels one after the other, the last after 5 s', async () => {
  useFakeTimers()
  const { adapter, endpoint, members } = await start('rejoin')
  await members('room:a', 4)
  adapter.gap(['room:a'])
  const left = [1_250, 1_250, 1_249, 1, 1_250].map((ms) => {
    vi.advanceTimersByTime(ms)
    return endpoint.localMemberCount('room:a')
  })
  expect(left).toEqual([3, 2, 2, 1, 0])
})

test('ignores channels that have left, rejoined or closed in the meantime', async () => {
  useFakeTimers()
  const { adapter, members } = await start('rejoin')
  const [ann, ben, cem] = await members('room:a', 3)
  adapter.gap(['room:a'])
  ann?.ask('["1","2","room:a","phx_leave",{}]')
  ben?.ask('["2","2","room:a","phx_join",{}]')
  cem?.socket.closed('closed')
  vi.advanceTimersByTime(5_000)
  expect([ann?.take(), ben?.take(), cem?.take()]).toEqual([[], [], []])
})

test('waits for the reply to a join before it ends the channel (JOIN-3)', async () => {
  useFakeTimers()
  const { adapter, join } = await start('rejoin')
  const standing = new Deferred<void>()
  adapter.standing = standing.promise
  const ann = await join('room:a')
  adapter.gap(['room:a'])
  vi.advanceTimersByTime(20_000)
  expect(ann.take()).toEqual([])
  standing.resolve()
  await vi.waitFor(() => expect(ann.take()).toEqual([JOINED]))
  vi.advanceTimersByTime(5_000)
  expect(ann.take()).toEqual([CRASHED])
})

test('ends no channels after the endpoint has stopped', async () => {
  useFakeTimers()
  const { adapter, endpoint, members } = await start('rejoin')
  await members('room:a', 2)
  adapter.gap(['room:a'])
  await endpoint.stop()
  expect(vi.getTimerCount()).toBe(0)
})

test.each([
  ['continue', 1],
  ['rejoin', 2],
] as const)(
  'a broken history is published; with %j, %i of two clients must rejoin (BROADCAST-6, RECOVERY-11)',
  async (onGap, count) => {
    useFakeTimers()
    const engine = new BreakableEngine()
    const endpoint = new TestEndpoint({ engine, histories: [KeptRoom], onGap })
    const told = listenTo(telemetry.gap)
    const clients = [await endpoint.connect(KeptSocket), await endpoint.connect(KeptSocket)]
    const [asking, other] = clients
    asking?.ask('["1","1","log:a","phx_join",{"_since":null}]')
    other?.ask('["1","1","log:a","phx_join",{}]')
    engine.break('log:a')
    vi.advanceTimersByTime(5_000)
    expect(told).toEqual([{ endpoint, topic: 'log:a' }])
    const crashed = '["1","1","log:a","phx_error",{"reason":"channel_crash"}]'
    expect(clients.map((client) => client.take())).toEqual([[crashed], count === 2 ? [crashed] : []])
  },
)

test('refuses an unknown policy', () => {
  expect(() => new TestEndpoint({ onGap: 'ignore' as never })).toThrow(
    'endpoint: `onGap` must be "continue" or "rejoin" (got "ignore")',
  )
})
