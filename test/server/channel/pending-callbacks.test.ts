import { describe, expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { UsageError } from '../../../server/errors.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { JOIN } from '../../helpers/one-channel.ts'

/** A client of a channel whose callbacks wait for `gate`, and what the endpoint warns of. */
async function setUp(handlerWarnAfter = 5_000) {
  const gate = new Deferred()
  const lines: object[] = []
  const logger = {
    error() {},
    info() {},
    warn: (details: object, message: string) => void lines.push({ ...details, message }),
  }
  const endpoint = new TestEndpoint({ logger, handlerWarnAfter })
  const channel = defineUntypedChannel('room:*', {
    join: (_params, { subtopic }) => (subtopic === 'slow' ? gate.promise : { ok: {} }) as { ok: object },
    handleIn: {
      wait: () => gate.promise as Promise<undefined>,
      remind: (_payload, socket) => socket.sendInfo('later'),
      quick: () => undefined,
    },
    handleInfo: { later: () => gate.promise as Promise<undefined> },
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) })
    .id(() => 'u1')
    .channel(channel)
  const client = await endpoint.connect(socket)
  /** A look at what is pending, in so many milliseconds. */
  const sweepIn = (ms: number) => endpoint.pendingCallbacks.sweep(performance.now() + ms)
  return { client, endpoint, gate, lines, sweepIn }
}

const push = (event: string) => `["1","2","room:a","${event}",{}]`

describe('a callback whose promise is still pending after `handlerWarnAfter`', () => {
  test('is logged as one warning with its topic and event, however long it takes', async () => {
    const { client, lines, sweepIn } = await setUp()
    client.ask(JOIN, push('wait'))
    sweepIn(4_000)
    expect(lines).toEqual([])
    for (const ms of [5_001, 6_000, 60_000]) sweepIn(ms)
    expect(lines).toEqual([
      {
        socketId: 'u1',
        topic: 'room:a',
        callback: 'handleIn.wait',
        pendingMs: expect.any(Number),
        count: 1,
        message: 'callback still pending',
      },
    ])
  })

  test.each([
    ['a join', ['["1","1","room:slow","phx_join",{}]'], 'join'],
    ['a message of the channel to itself', [JOIN, push('remind')], 'handleInfo.later'],
  ])('is logged if it is %s', async (_what, frames, callback) => {
    const { client, lines, sweepIn } = await setUp()
    client.ask(...frames)
    sweepIn(5_001)
    expect(lines).toMatchObject([{ callback }])
  })

  test('is logged even after its connection has closed', async () => {
    const { client, lines, sweepIn } = await setUp()
    client.ask(JOIN, push('wait'))
    client.socket.closed('closed')
    sweepIn(5_001)
    expect(lines).toHaveLength(1)
  })

  test('is logged once a second if there are many', async () => {
    const { client, endpoint, lines, sweepIn } = await setUp()
    const frames = Array.from({ length: 50 }, (_, n) => `["1","1","room:${n}","phx_join",{}]`)
    client.send(...frames)
    let joined = 0
    await expect.poll(() => (joined += client.take().length)).toBe(50)
    client.send(...frames.map((frame) => frame.replace('phx_join', 'wait')))
    sweepIn(5_001)
    endpoint.throttledLog.flush()
    expect(lines).toMatchObject([{ count: 1 }, { count: 49 }])
  })
})

describe('nothing is logged for', () => {
  test('callbacks that have returned, or whose promise has settled', async () => {
    const { client, gate, lines, sweepIn } = await setUp()
    client.ask(JOIN, push('quick'), push('wait'), '["1","1","room:slow","phx_join",{}]')
    gate.resolve()
    await turn()
    sweepIn(60_000)
    expect(lines).toEqual([])
  })

  test('any callback with Infinity', async () => {
    const { client, lines, sweepIn } = await setUp(Infinity)
    client.ask(JOIN, push('wait'))
    sweepIn(1e9)
    expect(lines).toEqual([])
  })
})

test.each([0, -1, Number.NaN, '5s', null])('`handlerWarnAfter` of %j is refused', (handlerWarnAfter) => {
  expect(() => new TestEndpoint({ handlerWarnAfter: handlerWarnAfter as number })).toThrow(UsageError)
})
