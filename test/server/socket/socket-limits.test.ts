import { describe, expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import type { Limits } from '../../../server/limits/config.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { type Client, TestEndpoint } from '../../helpers/build-endpoint.ts'
import { crowd } from '../../helpers/crowd.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { CLOSED, JOIN, JOINED } from '../../helpers/one-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'

const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
const ALIVE = '[null,"h","phoenix","phx_reply",{"response":{},"status":"ok"}]'
const join = (ref: string, topic: string) => `["${ref}","${ref}","${topic}","phx_join",{}]`
const message = (joinRef: string, ref: string, event: string) =>
  `["${joinRef}","${ref}","room:a","${event}",{}]`
const ok = (joinRef: string, ref: string, topic = 'room:a') =>
  `["${joinRef}","${ref}","${topic}","phx_reply",{"response":{},"status":"ok"}]`
const refused = (ref: string, reason: string, topic = 'room:a') =>
  `["${ref}","${ref}","${topic}","phx_reply",{"response":{"reason":"${reason}"},"status":"error"}]`

/** A client of `room:*`, whose joins and ends are kept; the join of `room:slow` waits for `slow`. */
async function setUp(limits: Partial<Limits> = {}) {
  const calls: string[] = []
  const slow = new Deferred<{ ok: object }>()
  const Room = defineUntypedChannel('room:*', {
    join(_params, { topic, subtopic }) {
      calls.push(`join ${topic}`)
      if (subtopic === 'slow') return slow.promise as never
      return subtopic.startsWith('no') ? { error: { reason: 'no' } } : { ok: {} }
    },
    handleIn: { echo: () => ({ ok: {} }) },
    terminate: (_reason, { topic }) => void calls.push(`terminate ${topic}`),
  })
  const endpoint = new TestEndpoint({ limits })
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)
  const client = await endpoint.connect(socket)
  /** The turn in which those who wait get theirs; the crowd itself is first. */
  const wait = async () => {
    while (endpoint.admission.waiting > 0) await turn()
  }
  return { endpoint, client, socket, calls, slow, wait }
}

describe('a join in a burst', () => {
  test('waits for the next turn; other messages do not (LIMIT-4, ORDER-4)', async () => {
    const { endpoint, client, calls, wait } = await setUp()
    client.ask(JOIN)
    crowd(endpoint.admission)
    expect(client.ask(join('2', 'room:b'), HEARTBEAT, message('1', '3', 'echo'))).toEqual([
      ALIVE,
      ok('1', '3'),
    ])
    expect(calls).toEqual(['join room:a'])
    await wait()
    expect(client.take()).toEqual([ok('2', '2', 'room:b')])
    expect(calls).toEqual(['join room:a', 'join room:b'])
  })

  test('delays the messages to its topic until it is answered, in order (MESSAGE-1)', async () => {
    const { endpoint, client, wait } = await setUp()
    crowd(endpoint.admission)
    expect(client.ask(JOIN, message('1', '2', 'echo'), message('1', '3', 'phx_leave'))).toEqual([])
    await wait()
    expect(client.take()).toEqual([JOINED, ok('1', '2'), ok('1', '3'), CLOSED])
  })

  test('is answered in order with the other joins of its connection (ORDER-3)', async () => {
    const { endpoint, client, slow, wait } = await setUp()
    client.send(join('1', 'room:slow'))
    crowd(endpoint.admission)
    client.send(join('2', 'room:b'), join('3', 'room:c'), '["2","4","room:b","phx_leave",{}]')
    await wait()
    expect(client.take()).toEqual([])
    slow.resolve({ ok: {} })
    await turn()
    expect(client.take()).toEqual([
      ok('1', '1', 'room:slow'),
      refused('2', 'cancelled', 'room:b'),
      ok('2', '4', 'room:b'),
      ok('3', '3', 'room:c'),
    ])
  })

  test('counts in the queue of its connection, which is not read above the limit', async () => {
    const { endpoint, client, wait } = await setUp({ maxQueuedMessages: 2 })
    crowd(endpoint.admission)
    client.send(join('1', 'room:a'), join('2', 'room:b'))
    expect(client.transport.isPaused).toBe(false)
    client.send(join('3', 'room:c'))
    expect(client.transport.isPaused).toBe(true)
    await wait()
    expect([client.transport.isPaused, client.take().length]).toEqual([false, 3])
  })

  test('is published as refused when its time is over', async () => {
    const { endpoint, client, calls, wait } = await setUp({ maxJoinWait: 1 })
    crowd(endpoint.admission)
    const [told, limits] = [listenTo(telemetry.channelJoined), listenTo(telemetry.limitReached)]
    client.send(JOIN)
    const end = performance.now() + 2
    while (performance.now() < end);
    await wait()
    expect(client.take()).toEqual([refused('1', 'overloaded')])
    // The crowd's own may have been too late as well.
    expect(limits).toContainEqual({ endpoint, limit: 'maxJoinWait' })
    expect(told).toMatchObject([{ pattern: 'room:*', result: 'error', reason: 'overloaded' }])
    expect([calls, endpoint.channelCount, client.socket.channelCount]).toEqual([[], 0, 0])
  })
})

describe('a waiting join is removed', () => {
  test('by a leave, which succeeds (LIMIT-4)', async () => {
    const { endpoint, client, calls, wait } = await setUp()
    crowd(endpoint.admission)
    const waiting = endpoint.admission.waiting
    const replies = client.ask(JOIN, message('1', '2', 'phx_leave'))
    expect(replies).toEqual([refused('1', 'cancelled'), ok('1', '2')])
    expect(endpoint.admission.waiting).toBe(waiting)
    await wait()
    expect([client.take(), calls, endpoint.channelCount]).toEqual([[], [], 0])
  })

  test('by a further join, which waits from the start (LIMIT-4)', async () => {
    const { endpoint, client, calls, wait } = await setUp()
    crowd(endpoint.admission)
    expect(client.ask(JOIN, join('2', 'room:a'))).toEqual([refused('1', 'cancelled')])
    await wait()
    expect([client.take(), calls]).toEqual([[ok('2', '2')], ['join room:a']])
  })

  test('by the end of its connection', async () => {
    const { endpoint, client, calls, wait } = await setUp()
    crowd(endpoint.admission)
    const waiting = endpoint.admission.waiting
    client.send(JOIN, join('2', 'room:b'))
    expect(endpoint.admission.waiting).toBe(waiting + 2)
    client.socket.closed('closed')
    expect([endpoint.admission.waiting, endpoint.channelCount]).toEqual([waiting, 0])
    await wait()
    expect([client.take(), calls]).toEqual([[], []])
  })

  test('but not by a leave of an earlier join', async () => {
    const { endpoint, client, wait } = await setUp()
    crowd(endpoint.admission)
    client.send(join('2', 'room:a'), message('1', '3', 'phx_leave'))
    await wait()
    expect(client.take()).toEqual([ok('2', '2')])
  })
})

test.each(['maxTotalChannels', 'maxWaitingJoins'] as const)(
  '%s: a further join is refused at once and changes nothing (LIMIT-4)',
  async (limit) => {
    const { endpoint, client, socket, calls } = await setUp({ [limit]: 1 })
    client.send(JOIN)
    if (limit === 'maxWaitingJoins') crowd(endpoint.admission)
    const [limits, joins] = [listenTo(telemetry.limitReached), listenTo(telemetry.channelJoined)]
    const other = await endpoint.connect(socket)
    expect(other.ask(join('1', 'room:b'))).toEqual([refused('1', 'overloaded', 'room:b')])
    expect(limits).toEqual([{ endpoint, limit }])
    expect(joins).toMatchObject([{ reason: 'overloaded' }])
    expect([calls, other.socket.channelCount]).toEqual([['join room:a'], 0])
  },
)

test('a topic can be joined again at the limit of channels, and its channel stays joined if the queue is full', async () => {
  const { endpoint, client } = await setUp({ maxTotalChannels: 1, maxWaitingJoins: 1 })
  client.ask(JOIN)
  expect(client.ask(join('2', 'room:a'))).toEqual([ok('2', '2'), CLOSED])
  crowd(endpoint.admission)
  expect(client.ask(join('3', 'room:a'))).toEqual([refused('3', 'overloaded')])
  expect(client.ask(message('2', '4', 'echo'))).toEqual([ok('2', '4')])
})

const ends: [what: string, frames: string[], act?: (client: Client) => void][] = [
  ['left', [JOIN, message('1', '2', 'phx_leave')]],
  ['refused', [join('1', 'room:no')]],
  ['replaced, then closed', [JOIN, join('2', 'room:a')], ({ socket }) => socket.closed('closed')],
  ['joining when its connection closes', [join('1', 'room:slow')], ({ socket }) => socket.closed('closed')],
  [
    'refused behind one that is pending when its connection closes',
    [join('1', 'room:slow'), join('2', 'room:no'), join('3', 'room:b')],
    ({ socket }) => socket.closed('closed'),
  ],
]
test.each(ends)('a channel no longer counts when it was %s', async (_what, frames, act) => {
  const { endpoint, client, slow } = await setUp()
  client.send(...frames)
  act?.(client)
  expect(endpoint.channelCount).toBe(0)
  slow.resolve({ ok: {} })
  await turn()
  expect([endpoint.channelCount, client.socket.channelCount]).toEqual([0, 0])
})
