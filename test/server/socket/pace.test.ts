import { describe, expect, test, vi } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import type { Limits } from '../../../server/limits/config.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { useFakeTimers } from '../../helpers/fake-timers.ts'
import { JOIN, JOINED } from '../../helpers/one-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'

const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
const ALIVE = '[null,"h","phoenix","phx_reply",{"response":{},"status":"ok"}]'
const echo = (ref: string | null) => `["1",${JSON.stringify(ref)},"room:a","echo",{}]`
const ok = (ref: string) => `["1","${ref}","room:a","phx_reply",{"response":{},"status":"ok"}]`
const tooFast = (joinRef: string, ref: string, wait: number, topic = 'room:a') =>
  `["${joinRef}","${ref}","${topic}","phx_reply",{"response":{"reason":"rate_limited","retry_after_ms":${wait}},"status":"error"}]`

/** A client that may send two messages and join twice at once, and ten more of each a second. */
async function limited(limits: Partial<Limits> = {}) {
  useFakeTimers()
  const handled: string[] = []
  const Room = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    handleIn: {
      echo(_payload, { topic }) {
        handled.push(topic)
        return { ok: {} }
      },
    },
  })
  const few = { messageRate: 10, messageBurst: 2, joinRate: 10, joinBurst: 2 }
  const endpoint = new TestEndpoint({ limits: { ...few, ...limits } })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(Room))
  return { endpoint, client, handled }
}

describe('messages', () => {
  test('that come too fast are answered `rate_limited`, and reach no channel, until there is room (LIMIT-1)', async () => {
    const { client, handled } = await limited()
    client.ask(JOIN)
    expect(client.ask(echo('2'), echo('3'), echo('4'))).toEqual([ok('2'), ok('3'), tooFast('1', '4', 100)])
    vi.advanceTimersByTime(40)
    expect(client.ask(echo('5'))).toEqual([tooFast('1', '5', 60)])
    vi.advanceTimersByTime(60)
    expect(client.ask(echo('6'))).toEqual([ok('6')])
    expect(handled).toHaveLength(3)
  })

  test('without a ref that come too fast are not answered (LIMIT-1)', async () => {
    const { client } = await limited()
    client.ask(JOIN, echo('2'), echo('3'))
    expect(client.ask(echo(null))).toEqual([])
  })

  test('that are heartbeats are not counted (LIMIT-1)', async () => {
    const { client } = await limited()
    client.ask(JOIN)
    expect(client.ask(...Array(50).fill(HEARTBEAT))).toEqual(Array(50).fill(ALIVE))
    expect(client.ask(echo('2'))).toEqual([ok('2')])
  })

  test('that leave are always handled (LIMIT-1)', async () => {
    const { client, endpoint } = await limited()
    client.ask(JOIN, echo('2'), echo('3'))
    expect(client.ask('["1","4","room:a","phx_leave",{}]')[0]).toBe(ok('4'))
    expect(endpoint.localTopics()).toEqual([])
  })

  test('to topics that are not joined count, too', async () => {
    const { client } = await limited()
    client.ask('["1","1","room:b","echo",{}]', '["1","2","nowhere","echo",{}]')
    expect(client.ask('["1","3","nowhere","echo",{}]')).toEqual([tooFast('1', '3', 100, 'nowhere')])
  })

  test('count several times if they are large, at most as many as the burst (LIMIT-1)', async () => {
    const { client } = await limited({ messageBytes: 100, messageBurst: 4, maxRefusals: 1_000_000 })
    const large = (ref: string, size: number) => `["1","${ref}","room:a","echo",{}]`.padEnd(size)
    client.ask(JOIN)
    expect(client.ask(large('2', 100), large('3', 101), large('4', 101))).toEqual([
      ok('2'),
      ok('3'),
      tooFast('1', '4', 100),
    ])
    expect(client.ask(large('5', 100))).toEqual([ok('5')])
    expect(client.ask(large('6', 9_000_000))).toEqual([tooFast('1', '6', 400)])
    vi.advanceTimersByTime(400)
    expect(client.ask(large('7', 9_000_000))).toEqual([ok('7')])
  })

  test('of one connection do not count for another', async () => {
    const { client, endpoint } = await limited()
    const other = await endpoint.connect(client.socket.definition)
    for (const each of [client, other]) {
      expect(each.ask(JOIN, echo('2'), echo('3'))).toEqual([JOINED, ok('2'), ok('3')])
    }
  })

  test('are counted correctly with a clock that lags and with one that does not', async () => {
    const { client, endpoint } = await limited()
    await endpoint.start()
    vi.advanceTimersByTime(900)
    client.ask(JOIN)
    expect(client.ask(echo('2'), echo('3'))).toEqual([ok('2'), ok('3')])
    // The sweep has not looked for 900 ms: what has come together since then is still there.
    expect(client.ask(echo('4'), echo('5'))).toEqual([ok('4'), ok('5')])
    expect(client.ask(echo('6'))).toEqual([tooFast('1', '6', 100)])
  })
})

describe('heartbeats', () => {
  const limits = { heartbeatRate: 10, heartbeatBurst: 3 }

  test('have their own rate; one above it closes the connection with 1008 (LIMIT-3)', async () => {
    const { client, endpoint } = await limited(limits)
    client.ask(JOIN, echo('2'), echo('3'))
    const [reached, closed] = [listenTo(telemetry.limitReached), listenTo(telemetry.socketClosed)]
    expect(client.ask(HEARTBEAT, HEARTBEAT, HEARTBEAT)).toEqual([ALIVE, ALIVE, ALIVE])
    vi.advanceTimersByTime(100)
    expect(client.ask(HEARTBEAT, HEARTBEAT)).toEqual([ALIVE])
    expect([client.transport.closeCode, endpoint.sockets.size]).toEqual([1008, 0])
    expect(reached).toEqual([{ endpoint, limit: 'heartbeatRate' }])
    expect(closed).toMatchObject([{ code: 1008, by: 'server' }])
  })

  test('count several times if they are large (LIMIT-3)', async () => {
    const { client } = await limited({ ...limits, messageBytes: 100 })
    const large = (size: number) => `[null,"h","phoenix","heartbeat","${'x'.repeat(size - 37)}"]`
    expect(client.ask(large(200))).toEqual([ALIVE])
    expect(client.ask(HEARTBEAT)).toEqual([ALIVE])
    expect(client.ask(HEARTBEAT)).toEqual([])
    expect(client.transport.closeCode).toBe(1008)
  })

  test('of version 1 are counted too (LIMIT-3)', async () => {
    const { endpoint, client: other } = await limited(limits)
    const client = await endpoint.connect(other.socket.definition, { vsn: '1.0.0' })
    client.ask(...Array(4).fill('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}'))
    expect([client.transport.closeCode, other.transport.closeCode]).toEqual([1008, null])
  })

  test('and pings and pongs are counted together (LIMIT-3)', async () => {
    const { client } = await limited(limits)
    expect(client.ask(HEARTBEAT)).toEqual([ALIVE])
    for (let n = 0; n < 2; n += 1) client.socket.pinged()
    expect(client.transport.closeCode).toBeNull()
    client.socket.pinged()
    client.socket.pinged()
    expect(client.transport.closeCode).toBe(1008)
  })
})

describe('joins', () => {
  test('that come too fast are answered `rate_limited` and change nothing (LIMIT-2)', async () => {
    const { client, endpoint } = await limited()
    const [joined, refused] = [listenTo(telemetry.channelJoined), listenTo(telemetry.limitReached)]
    client.ask(JOIN, '["2","2","room:b","phx_join",{}]')
    expect(client.ask('["3","3","room:a","phx_join",{}]')).toEqual([tooFast('3', '3', 100)])
    expect(endpoint.localTopics()).toEqual(['room:a', 'room:b'])
    expect(client.ask(echo('4'))).toEqual([ok('4')])
    expect(joined.map(({ reason }) => reason)).toEqual([null, null, 'rate_limited'])
    expect(refused).toEqual([{ endpoint, limit: 'joinRate' }])
  })

  test('count several times if they are large (LIMIT-2)', async () => {
    const { client } = await limited({ messageBytes: 100 })
    const large = (topic: string) => `["1","1","${topic}","phx_join",{}]`.padEnd(150)
    client.ask(large('room:a'))
    expect(client.ask(large('room:b'))).toEqual([tooFast('1', '1', 200, 'room:b')])
  })

  test('and messages are counted separately', async () => {
    const { client } = await limited({ joinBurst: 1 })
    expect(client.ask(JOIN, echo('2'), echo('3'))).toEqual([JOINED, ok('2'), ok('3')])
  })
})

describe('a connection that exceeds its limit', () => {
  test('is closed with 1008 (LIMIT-3)', async () => {
    const { client, endpoint } = await limited({ maxRefusals: 3 })
    client.ask(JOIN, echo('2'), echo('3'))
    const [limits, closed] = [listenTo(telemetry.limitReached), listenTo(telemetry.socketClosed)]
    expect(client.ask(echo('4'), echo('5'), echo('6'))).toHaveLength(3)
    expect(client.transport.closeCode).toBeNull()
    expect(client.ask(echo('7'), HEARTBEAT)).toEqual([])
    expect([client.transport.closeCode, endpoint.sockets.size]).toEqual([1008, 0])
    expect(limits.map(({ limit }) => limit)).toEqual([...Array(4).fill('messageRate'), 'maxRefusals'])
    expect(closed).toMatchObject([{ code: 1008, by: 'server' }])
  })

  test('is closed sooner if the refused messages are large (LIMIT-3)', async () => {
    const { client } = await limited({ messageBytes: 100, maxRefusals: 3 })
    client.ask(JOIN, echo('2'), echo('3'))
    expect(client.ask(echo('4').padEnd(201))).toEqual([tooFast('1', '4', 200)])
    expect(client.ask(echo('5'))).toEqual([])
    expect(client.transport.closeCode).toBe(1008)
  })

  test('is closed for leaves, too', async () => {
    const { client } = await limited({ maxRefusals: 3 })
    const leave = '["1","2","room:a","phx_leave",{}]'
    expect(client.ask(...Array(5).fill(leave))).toEqual(Array(5).fill(ok('2')))
    client.ask(leave)
    expect(client.transport.closeCode).toBe(1008)
  })

  test('only now and then is not closed', async () => {
    const { client } = await limited({ maxRefusals: 3 })
    client.ask(JOIN)
    for (let minute = 0; minute < 5; minute += 1) {
      expect(client.ask(...Array(5).fill(echo('2')))).toHaveLength(5)
      vi.advanceTimersByTime(60_000)
    }
    expect(client.transport.closeCode).toBeNull()
  })
})
