import { Type } from 'typebox'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Binary, defineContract } from '../../../protocol/index.ts'
import {
  type ChannelDefinition,
  defineChannel,
  defineUntypedChannel,
} from '../../../server/channel/define-channel.ts'
import type { EndpointOptions } from '../../../server/endpoint/endpoint-options.ts'
import { UsageError } from '../../../server/errors.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { JOIN } from '../../helpers/one-channel.ts'

const Said = Type.Object({ from: Type.Object({ name: Type.String() }), at: Type.String() })
const Room = defineContract({
  topic: 'room:*',
  reply: Type.Object({ history: Type.Array(Type.String()) }),
  incoming: {
    push: { payload: Type.Unknown() },
    broadcast: { payload: Type.Unknown() },
    ask: { payload: Type.Unknown(), reply: Type.Object({ n: Type.Integer() }) },
    later: { payload: Type.Unknown(), reply: Type.Object({ n: Type.Integer() }) },
    bare: { payload: Type.Unknown() },
  },
  outgoing: { said: Said, bytes: Binary, any: Type.Unknown() },
})

/** Message that the channel sends next. The compiler would reject it. */
type Next = { event: string; value: unknown; history: unknown }

function roomOf(next: Next): ChannelDefinition<object> {
  return defineChannel(Room, {
    join: () => ({ ok: { history: next.history as string[] } }),
    handleIn: {
      push: (_payload, socket) => socket.push(next.event as 'any', next.value),
      broadcast: (_payload, socket) => void socket.broadcast(next.event as 'any', next.value),
      ask: () => ({ ok: next.value as { n: number } }),
      later(_payload, socket) {
        socket.reply(socket.ref(), { ok: next.value as { n: number } })
      },
      bare: () => next.value as undefined,
    },
  })
}

/** A client on `room:a`, whose channel sends what it is told to, and the warnings that follow. */
async function setUp(
  options: EndpointOptions = {},
  channel: (next: Next) => ChannelDefinition<object> = roomOf,
) {
  const lines: object[] = []
  const warn = (details: object, message: string) => void lines.push({ ...details, message })
  const endpoint = new TestEndpoint({ logger: { error() {}, info() {}, warn }, ...options })
  const next: Next = { event: 'any', value: {}, history: [] }
  const definition = channel(next)
  endpoint.outgoing?.add(definition as ChannelDefinition)
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(definition))
  client.ask(JOIN)
  const does = (callback: string, value: unknown, event = 'any') => {
    Object.assign(next, { value, event })
    return client.ask(`["1","2","room:a","${callback}",{}]`)
  }
  return { client, does, endpoint, lines, next }
}

const MISMATCH = 'outgoing payload does not match the contract of its topic'
const UNDECLARED = 'outgoing event is not in the contract of its topic'
const NO_REPLY = 'handler returned no reply, but its contract declares one'
const good = { from: { name: 'Ann' }, at: '1' }

describe('with `checkOutgoing`', () => {
  test('values that match their contract cause no log line', async () => {
    const { does, endpoint, lines } = await setUp()
    does('push', good, 'said')
    does('push', new Uint8Array([1]), 'bytes')
    does('push', { at: new Date(), gone: undefined })
    does('broadcast', good, 'said')
    does('ask', { n: 1 })
    does('later', { n: 1 })
    does('bare', undefined)
    does('bare', { error: { reason: 'of its own' } })
    does('bare', { status: 'other', payload: { x: 1 } })
    void endpoint.broadcast('room:a', 'said', good)
    void endpoint.broadcast('elsewhere', 'anything', {})
    endpoint.throttledLog.flush()
    expect(lines).toEqual([])
  })

  test.each(['push', 'broadcast'])(
    'a %s that does not match is logged as a warning with its path, and is sent',
    async (callback) => {
      const { does, lines } = await setUp()
      const frames = does(callback, { from: { name: 7 }, at: '1' }, 'said')
      expect(frames.join()).toContain('"name":7')
      expect(lines).toEqual([
        {
          topic: 'room:a',
          event: 'said',
          sentBy: callback,
          path: '/from/name',
          errors: [{ path: '/from/name', message: expect.stringContaining('string') }],
          count: 1,
          message: MISMATCH,
        },
      ])
    },
  )

  test.each([
    ['ask', { n: 'x' }, '/n'],
    ['later', { n: 'x' }, '/n'],
    ['bare', { ok: { n: 1 } }, ''],
  ])('a reply that does not match is logged as a warning: %s', async (callback, value, path) => {
    const { does, lines } = await setUp()
    does(callback, value)
    expect(lines).toMatchObject([{ event: callback, sentBy: 'reply', path, message: MISMATCH }])
  })

  test('a handler that returns no declared reply is logged once for each event, unless it has called ref()', async () => {
    const { client, does, lines } = await setUp({}, () =>
      defineChannel(Room, {
        join: () => ({ ok: { history: [] } }),
        handleIn: {
          push() {},
          broadcast() {},
          ask() {},
          later: (payload, socket) => void (Object.keys(Object(payload)).length > 0 || socket.ref()),
          bare() {},
        },
      }),
    )
    does('bare', {})
    does('later', {})
    expect(lines).toEqual([])
    does('ask', {})
    does('ask', {})
    client.ask('["1","2","room:a","later",{"x":1}]')
    const line = { channel: 'room:*', topic: 'room:a', message: NO_REPLY }
    expect(lines).toEqual([
      { ...line, event: 'ask' },
      { ...line, event: 'later' },
    ])
  })

  test('a join reply that does not match is logged as a warning', async () => {
    const { client, lines, next } = await setUp()
    next.history = [1]
    client.ask('["2","2","room:b","phx_join",{}]')
    expect(lines).toMatchObject([{ topic: 'room:b', event: 'phx_join', sentBy: 'join', path: '/history/0' }])
  })

  test.each(['push', 'broadcast'])('a %s of an undeclared event is logged as a warning', async (callback) => {
    const { does, lines } = await setUp()
    does(callback, {}, 'constructor')
    expect(lines).toEqual([
      { topic: 'room:a', event: 'constructor', sentBy: callback, count: 1, message: UNDECLARED },
    ])
  })

  test('broadcasts of the endpoint are checked, even if the topic has no members', async () => {
    const { endpoint, lines } = await setUp()
    void endpoint.broadcast('room:empty', 'said', {})
    endpoint.localBroadcast('room:empty', 'sung', {})
    expect(lines).toMatchObject([
      { topic: 'room:empty', event: 'said', message: MISMATCH },
      { topic: 'room:empty', event: 'sung', message: UNDECLARED },
    ])
  })

  test('a broadcast must match one of several contracts of its topic', async () => {
    const { endpoint, lines } = await setUp()
    const Other = defineContract({ topic: 'room:*', outgoing: { said: Type.Object({ n: Type.Integer() }) } })
    endpoint.outgoing?.add(defineChannel(Other, { join: () => ({ ok: {} }) }))
    void endpoint.broadcast('room:a', 'said', { n: 1 })
    void endpoint.broadcast('room:a', 'said', good)
    expect(lines).toEqual([])
    void endpoint.broadcast('room:a', 'said', { n: 'x' })
    expect(lines).toMatchObject([{ message: MISMATCH }])
  })

  test('a value that JSON loses is logged as a warning with its path, however long the payload is', async () => {
    const { does, lines } = await setUp()
    does('push', { text: 'x'.repeat(1_000), users: [{ tags: new Set(['a']) }] })
    expect(lines).toMatchObject([{ path: '/users/0/tags', errors: [{ message: 'a Set cannot be sent' }] }])
  })

  test('repeated mismatches are logged once a second', async () => {
    const { does, endpoint, lines } = await setUp()
    for (let n = 0; n < 100; n += 1) does('push', {}, 'said')
    endpoint.throttledLog.flush()
    expect(lines).toMatchObject([{ count: 1 }, { count: 99 }])
  })

  test('channels without a contract can send anything', async () => {
    const { does, endpoint, lines } = await setUp({}, (next) =>
      defineUntypedChannel('room:*', {
        join: () => ({ ok: { x: 1 } }),
        handleIn: { push: (_payload, socket) => socket.push(next.event, next.value) },
      }),
    )
    does('push', { x: 1 }, 'whatever')
    void endpoint.broadcast('room:a', 'whatever', { x: 1 })
    expect(lines).toEqual([])
  })
})

test.each([
  ['development', undefined, true],
  ['test', undefined, true],
  ['production', undefined, false],
  ['', undefined, false],
  ['production', true, true],
  ['test', false, false],
])('with NODE_ENV=%j and `checkOutgoing` %j the check is on: %j', async (env, checkOutgoing, isOn) => {
  vi.stubEnv('NODE_ENV', env)
  onTestFinished(() => void vi.unstubAllEnvs())
  const { does, lines } = await setUp(checkOutgoing === undefined ? {} : { checkOutgoing })
  does('push', {}, 'said')
  expect(lines).toHaveLength(isOn ? 1 : 0)
})

test('a value of `checkOutgoing` that is not a boolean is refused', () => {
  expect(() => new TestEndpoint({ checkOutgoing: 'yes' as never })).toThrow(UsageError)
})
