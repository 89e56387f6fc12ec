import { AsyncLocalStorage } from 'node:async_hooks'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { defineChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import {
  type HandleInOperation,
  type JoinOperation,
  type RunInContext,
  telemetry,
} from '../../../server/telemetry/telemetry.ts'
import { connect, connectTo, JOIN, JOINED } from '../../helpers/one-channel.ts'
import { listenTo } from '../../helpers/telemetry.ts'

const push = (event: string, payload: unknown = {}) => JSON.stringify(['1', '2', 'room:a', event, payload])

test('a message before a callback does not contain its result', async () => {
  const { client } = await connect({})
  const seen: unknown[] = []
  const before = listenTo(telemetry.channelJoining)
  before.push = ({ result, reason, duration }) => seen.push({ result, reason, duration })
  client.ask(JOIN)
  expect(seen).toEqual([{ result: null, reason: null, duration: 0 }])
})

test('a join is published before and after its callback', async () => {
  const { endpoint, client } = await connect({})
  const before = listenTo(telemetry.channelJoining)
  const after = listenTo(telemetry.channelJoined)
  client.ask('["1","1","room:a","phx_join",{"n":1}]')
  expect(before).toEqual(after)
  expect(after[0]?.duration).toBeGreaterThan(0)
  expect(after[0]?.endpoint).toBe(endpoint)
  expect(after[0]?.socket).toBe(client.socket)
  expect(after[0]).toMatchObject({
    topic: 'room:a',
    pattern: 'room:*',
    params: { n: 1 },
    runInContext: null,
    result: 'ok',
    reason: null,
    error: null,
  })
})

const boom = new Error('boom')

test.each([
  ['refuses', () => ({ error: { reason: 'full' } }), { result: 'error', reason: 'full' }],
  ['refuses without a reason', () => ({ error: {} }), { result: 'error', reason: null }],
  [
    'throws',
    () => {
      throw boom
    },
    { result: 'crash', error: boom },
  ],
  ['rejects', () => Promise.reject(boom), { result: 'crash', error: boom }],
  ['returns nothing', () => undefined as never, { result: 'crash', error: null }],
  ['accepts later', async () => ({ ok: {} }), { result: 'ok' }],
])('a join that %s is published with this result', async (_what, join, told) => {
  const { client } = await connect({ join })
  const after = listenTo(telemetry.channelJoined)
  client.send(JOIN)
  await expect.poll(() => after).toMatchObject([told])
})

test('a join that never reaches the callback is published with its reason', async () => {
  const contract = defineContract({ topic: 'room:*', params: Type.Object({ n: Type.Integer() }) })
  const { client } = await connectTo(defineChannel(contract, { join: () => ({ ok: {} }) }))
  const after = listenTo(telemetry.channelJoined)
  client.ask('["1","1","room:a","phx_join",{"n":"x"}]', '["1","1","nowhere","phx_join",{}]')
  expect(after).toMatchObject([
    { topic: 'room:a', pattern: 'room:*', result: 'error', reason: 'invalid params' },
    { topic: 'nowhere', pattern: null, result: 'error', reason: 'unmatched topic' },
  ])
})

test('a message is published before and after it is handled', async () => {
  const { endpoint, client } = await connect({ handleIn: { echo: (payload) => ({ ok: payload }) } })
  client.ask(JOIN)
  const before = listenTo(telemetry.channelHandlingIn)
  const after = listenTo(telemetry.channelHandledIn)
  const frame = push('echo', { text: 'ü' })
  const bytes = Buffer.byteLength(frame)
  client.socket.receive(frame, 'text', bytes)
  expect(before).toEqual(after)
  expect(after[0]?.duration).toBeGreaterThan(0)
  expect(after[0]?.endpoint).toBe(endpoint)
  expect(after[0]?.socket).toBe(client.socket)
  expect(after[0]).toMatchObject({
    topic: 'room:a',
    pattern: 'room:*',
    event: 'echo',
    ref: '2',
    payload: { text: 'ü' },
    size: bytes,
    runInContext: null,
    result: 'ok',
    reason: null,
    error: null,
  })
})

test.each([
  ['nothing', () => undefined, { result: 'none' }],
  ['a refusal', () => ({ error: { reason: 'muted' } }), { result: 'error', reason: 'muted' }],
  ['a status of its own', () => ({ status: 'retry', payload: {} }), { result: 'retry' }],
  ['a stop', () => ({ stop: 'normal' }), { result: 'stop' }],
  ['no result', () => 7, { result: 'crash' }],
  ['a promise', async () => ({ ok: {} }), { result: 'ok' }],
  ['a promise that rejects', () => Promise.reject(boom), { result: 'crash', error: boom }],
])('a handler that returns %s is published with this result', async (_what, handler, told) => {
  const { client } = await connect({ handleIn: { act: handler } as never })
  client.ask(JOIN)
  const after = listenTo(telemetry.channelHandledIn)
  client.send(push('act'))
  await expect.poll(() => after).toMatchObject([{ event: 'act', ...told }])
})

test('an unknown event is published without its name, which the client chose', async () => {
  const { client } = await connect({})
  client.ask(JOIN)
  const after = listenTo(telemetry.channelHandledIn)
  client.ask(push('constructor'))
  expect(after).toMatchObject([{ event: null, result: 'error', reason: 'unmatched event' }])
})

test('a callback that throws is published, with the channel that it ends', async () => {
  const { endpoint, client } = await connect({
    handleInfo: {
      later() {
        throw boom
      },
    },
    join(_params, socket) {
      socket.sendInfo('later')
      return { ok: {} }
    },
  })
  const told = listenTo(telemetry.channelCrashed)
  client.ask(JOIN)
  const { socket } = client
  const where = { endpoint, socket, topic: 'room:a', pattern: 'room:*' }
  expect(told).toEqual([{ ...where, callback: 'handleInfo.later', error: boom, reason: null }])
})

test.each([
  ['a word', 'no_database'],
  ['an error', boom],
])(
  'a stop for %s, which is not an announced reason, is published as a crash with the reason',
  async (_what, reason) => {
    const { endpoint, client } = await connect({ handleIn: { act: () => ({ stop: reason }) } })
    const told = listenTo(telemetry.channelCrashed)
    client.ask(JOIN)
    client.ask(push('act'))
    const { socket } = client
    const where = { endpoint, socket, topic: 'room:a', pattern: 'room:*', callback: 'handleIn.act' }
    expect(told).toEqual([{ ...where, error: null, reason }])
  },
)

test('an announced stop is not published as a crash', async () => {
  const { client } = await connect({ handleIn: { act: () => ({ stop: shutdown('left') }) } })
  const told = listenTo(telemetry.channelCrashed)
  client.ask(JOIN, push('act'))
  expect(told).toEqual([])
})

test('errors of params and payloads are published, and the given name of an unknown event', async () => {
  const n = Type.Object({ n: Type.Integer() })
  const contract = defineContract({ topic: 'room:*', params: n, incoming: { act: { payload: n } } })
  const channel = defineChannel(contract, { join: () => ({ ok: {} }), handleIn: { act: () => undefined } })
  const { client } = await connectTo(channel)
  const joined = listenTo(telemetry.channelJoined)
  const handled = listenTo(telemetry.channelHandledIn)
  client.ask('["1","1","room:a","phx_join",{}]', '["1","1","room:a","phx_join",{"n":1}]')
  client.ask(push('act', { n: 'x' }), push('act', { n: 1 }), push('other'))
  expect(joined).toMatchObject([{ errors: [{ message: expect.any(String) }] }, { errors: null }])
  expect(handled).toMatchObject([
    { event: 'act', givenEvent: 'act', errors: [{ path: '/n' }] },
    { event: 'act', errors: null },
    { event: null, givenEvent: 'other', reason: 'unmatched event', errors: null },
  ])
})

test('callbacks run in the context that a listener sets', async () => {
  const store = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  const { client } = await connect({
    async join() {
      await Promise.resolve()
      seen.push(store.getStore())
      return { ok: {} }
    },
    handleIn: {
      act: async () => {
        await Promise.resolve()
        seen.push(store.getStore())
        return { ok: {} }
      },
    },
  })
  const within =
    (name: string): RunInContext =>
    (callback) =>
      store.run(name, callback)
  const joining = (operation: JoinOperation) => {
    operation.runInContext = within('join')
  }
  const handling = (operation: HandleInOperation) => {
    operation.runInContext = within('message')
  }
  telemetry.channelJoining.subscribe(joining)
  telemetry.channelHandlingIn.subscribe(handling)
  onTestFinished(() => {
    telemetry.channelJoining.unsubscribe(joining)
    telemetry.channelHandlingIn.unsubscribe(handling)
  })
  client.send(JOIN)
  await expect.poll(() => client.take()).toEqual([JOINED])
  client.send(push('act'))
  await expect.poll(() => seen).toEqual(['join', 'message'])
})
