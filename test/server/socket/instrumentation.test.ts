import { expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { connect, JOIN } from '../../helpers/one-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'

test('replies and pushes are published with their pattern, their frame and its bytes', async () => {
  const { endpoint, client } = await connect({
    handleIn: {
      act(_payload, socket) {
        socket.push('note', { text: 'ü' })
        return { ok: {} }
      },
    },
  })
  const told = listenTo(telemetry.messageSent)
  const frames = client.ask(
    JOIN,
    '["1","2","room:a","act",{}]',
    '[null,"3","phoenix","heartbeat",{}]',
    '[null,"4","nowhere","act",{}]',
  )
  const sent = { endpoint, socket: client.socket }
  const of = (n: number) => {
    const data = frames[n] ?? ''
    return { size: Buffer.byteLength(data), frame: expect.objectContaining({ data }) }
  }
  expect(frames).toHaveLength(5)
  expect(told).toEqual([
    { ...sent, topic: 'room:a', pattern: 'room:*', ...of(0) },
    { ...sent, topic: 'room:a', pattern: 'room:*', ...of(1) },
    { ...sent, topic: 'room:a', pattern: 'room:*', ...of(2) },
    { ...sent, topic: 'phoenix', pattern: null, ...of(3) },
    { ...sent, topic: 'nowhere', pattern: null, ...of(4) },
  ])
})

test('a broadcast is published once, with the number of its recipients', async () => {
  const { endpoint, client } = await connect({})
  client.ask(JOIN)
  const told = listenTo(telemetry.broadcastDispatched)
  void endpoint.broadcast('room:a', 'note', {})
  void endpoint.broadcast('room:b', 'note', {})
  expect(told).toMatchObject([{ endpoint, broadcast: { topic: 'room:a', event: 'note' } }])
  expect(told[0]?.subscribers.size).toBe(1)
})

test('a frame that cannot be decoded is published with the error', async () => {
  const { endpoint, client } = await connect({})
  const told = listenTo(telemetry.frameRefused)
  client.ask('x')
  const { socket } = client
  expect(told).toEqual([
    { endpoint, socket, error: expect.objectContaining({ code: 'PHX_ERR_FRAME_NOT_JSON' }) },
  ])
})

test.each([
  ['maxChannels', ['["1","1","room:a","phx_join",{}]', '["2","2","room:b","phx_join",{}]']],
  ['maxTopicLength', ['["1","1","room:too long","phx_join",{}]']],
  ['maxQueuedMessages', [JOIN, ...Array(4).fill('["1","2","room:a","hold",{}]')]],
  [
    'maxQueuedBytes',
    [JOIN, '["1","2","room:a","hold",{}]', `["1","3","room:a","hold","${'x'.repeat(100)}"]`],
  ],
])('%s is published when a client reaches it', async (limit, frames) => {
  const hold = new Deferred()
  const Room = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    handleIn: { hold: () => hold.promise },
  })
  const limits = { maxChannels: 1, maxTopicLength: 10, maxQueuedMessages: 2, maxQueuedBytes: 100 }
  const endpoint = new TestEndpoint({ limits })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(Room))
  const told = listenTo(telemetry.limitReached)
  client.send(...frames)
  expect(told).toEqual([{ endpoint, limit }])
  hold.resolve()
})

test('too many broadcasts for a busy channel are published as a limit, and as the end of the connection', async () => {
  const hold = new Deferred()
  const Room = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    handleIn: { hold: () => hold.promise },
    handleOut: { note() {} },
  })
  const endpoint = new TestEndpoint({ limits: { maxQueuedBroadcasts: 1 } })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(Room))
  client.send(JOIN, '["1","2","room:a","hold",{}]')
  const limits = listenTo(telemetry.limitReached)
  const closed = listenTo(telemetry.socketClosed)
  for (let n = 0; n < 2; n++) void endpoint.broadcast('room:a', 'note', {})
  const { socket } = client
  expect(limits).toEqual([{ endpoint, limit: 'maxQueuedBroadcasts' }])
  expect(closed).toEqual([{ endpoint, socket, code: 1013, by: 'server', reason: 'closed' }])
  hold.resolve()
})

test('a join above the limit of channels is published with its reason', async () => {
  const endpoint = new TestEndpoint({ limits: { maxChannels: 1 } })
  const Room = defineUntypedChannel('room:*', { join: () => ({ ok: {} }) })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(Room))
  client.ask(JOIN)
  const told = listenTo(telemetry.channelJoined)
  client.ask('["2","2","room:b","phx_join",{}]')
  expect(told).toMatchObject([{ pattern: 'room:*', result: 'error', reason: 'too many channels joined' }])
})
