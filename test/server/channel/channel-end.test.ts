// How a channel of server/channel/channel.ts ends; the rest of its life is in channel.test.ts.
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ChannelSocket } from '../../../server/channel/channel-socket.ts'
import { shutdown } from '../../../server/channel/result.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { CLOSED, CRASHED, connect, type Definition, JOIN, JOINED } from '../../helpers/one-channel.ts'

const BYE = '["1","2","room:a","phx_reply",{"response":{"bye":true},"status":"ok"}]'
const STOP = '["1","2","room:a","stop",{}]'
const LEAVE = '["1","3","room:a","phx_leave",{}]'
const LEFT = '["1","3","room:a","phx_reply",{"response":{},"status":"ok"}]'
const UNMATCHED = '[null,"9","room:a","phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]'

/** A client in `room:a`, and the reasons that its channel's terminate is given. */
async function joined(definition: Definition) {
  const ends: unknown[] = []
  const terminate = (reason: unknown) => void ends.push(reason)
  const parts = await connect({ terminate, ...definition })
  parts.client.ask(JOIN)
  return { ...parts, ends }
}

const boom = () => {
  throw new Error('boom')
}

test.each<[unknown, string[]]>([
  [{ stop: 'normal' }, [CLOSED]],
  [{ stop: 'shutdown' }, [CLOSED]],
  [{ stop: shutdown('bye') }, [CLOSED]],
  [{ stop: 'kicked' }, [CRASHED]],
  [{ stop: 'normal', reply: { ok: { bye: true } } }, [BYE, CLOSED]],
  [{ stop: 'kicked', reply: { ok: { bye: true } } }, [BYE, CRASHED]],
])('a stop with %j frees the topic and sends the matching event (END-1, END-2)', async (result, frames) => {
  const { client, ends, endpoint } = await joined({ handleIn: { stop: () => result as undefined } })
  expect(client.ask(STOP)).toEqual(frames)
  expect(ends).toEqual([(result as { stop: unknown }).stop])
  expect([endpoint.errors, endpoint.localTopics()]).toEqual([[], []])
  expect(client.ask('["1","9","room:a","echo",{}]')).toEqual([UNMATCHED])
})

test('handleOut may stop the channel', async () => {
  const { client, endpoint } = await joined({ handleOut: { kick: () => ({ stop: 'normal' }) } })
  void endpoint.broadcast('room:a', 'kick', {})
  expect(client.take()).toEqual([CLOSED])
})

test('handleInfo may stop the channel, even later', async () => {
  const { client } = await joined({
    handleIn: { stop: (_payload, socket) => socket.sendInfo('stop') },
    handleInfo: { stop: async () => ({ stop: shutdown('bye') }) },
  })
  client.send(STOP)
  await turn()
  expect(client.take()).toEqual([CLOSED])
})

test.each<[string, Definition]>([
  ['a handler throws', { handleIn: { stop: boom } }],
  ['a handler rejects', { handleIn: { stop: async () => boom() } }],
  ['a handler throws a value that is not an error', { handleIn: { stop: () => Promise.reject('boom') } }],
  ['a handler returns an invalid result', { handleIn: { stop: () => 7 as never } }],
  ['a handler returns null', { handleIn: { stop: async () => null as never } }],
  ['a reply cannot be written', { handleIn: { stop: () => ({ ok: { n: 1n } }) } }],
  [
    'the reply of a stop cannot be written',
    { handleIn: { stop: () => ({ stop: 'normal', reply: { ok: 1n } }) } },
  ],
  [
    'the reply of a stop is none',
    { handleIn: { stop: () => ({ stop: 'normal', reply: { oops: 1 } as never }) } },
  ],
  [
    'handleOut throws',
    { handleIn: { stop: (_, socket) => socket.broadcast('e', {}) }, handleOut: { e: boom } },
  ],
  [
    'handleOut replies',
    {
      handleIn: { stop: (_, socket) => socket.broadcast('e', {}) },
      handleOut: { e: () => ({ ok: 1 }) as never },
    },
  ],
  ['handleInfo throws', { handleIn: { stop: (_, socket) => socket.sendInfo('i') }, handleInfo: { i: boom } }],
])('the channel crashes when %s, and nothing else is affected (END-2, END-3)', async (_why, definition) => {
  const { client, ends, endpoint } = await joined(definition)
  client.ask('["8","8","room:b","phx_join",{}]')
  client.send(STOP)
  await turn()
  expect(client.take()).toEqual([CRASHED])
  expect(endpoint.errors).toHaveLength(1)
  expect(ends).toEqual(endpoint.errors)
  expect(endpoint.localTopics()).toEqual(['room:b'])
  expect(client.ask('["8","9","room:b","nothing",{}]')).toHaveLength(1)
})

test('the report of a crash contains the callback and the cause', async () => {
  const { client, endpoint } = await joined({ handleIn: { stop: boom } })
  client.send(STOP)
  expect(endpoint.errors).toMatchObject([
    { owner: 'room:*', callback: 'handleIn.stop', cause: { message: 'boom' } },
  ])
})

test('a leave is answered before phx_close is sent (LEAVE-1)', async () => {
  const { client, ends } = await joined({})
  expect(client.ask(LEAVE)).toEqual([LEFT, CLOSED])
  expect(ends).toEqual([shutdown('left')])
})

test('a leave waits its turn, and messages after it are dropped (LEAVE-3)', async () => {
  const slow = new Deferred()
  const { client } = await joined({ handleIn: { stop: () => slow.promise, echo: () => ({ ok: {} }) } })
  client.send(STOP, '["1","2","room:a","echo",{}]', LEAVE, '["1","4","room:a","echo",{}]')
  expect(client.take()).toEqual([])
  slow.resolve()
  await turn()
  expect(client.take()).toEqual([
    '["1","2","room:a","phx_reply",{"response":{},"status":"ok"}]',
    LEFT,
    CLOSED,
  ])
})

test('pushes in terminate are sent after phx_close, with the old join_ref (END-5)', async () => {
  const { client } = await joined({ terminate: (_reason, socket) => socket.push('bye', {}) })
  expect(client.ask(LEAVE)).toEqual([LEFT, CLOSED, '["1",null,"room:a","bye",{}]'])
})

test('phx_error is sent after the pushes of terminate (END-5)', async () => {
  const { client } = await joined({
    handleIn: { stop: boom },
    terminate: (_reason, socket) => socket.push('bye', {}),
  })
  expect(client.ask(STOP)).toEqual(['["1",null,"room:a","bye",{}]', CRASHED])
})

test('phx_error waits for the pushes of an asynchronous terminate (END-5)', async () => {
  const slow = new Deferred()
  const { client, endpoint } = await joined({
    handleIn: { stop: boom },
    async terminate(_reason, socket) {
      await slow.promise
      socket.push('bye', {})
      boom()
    },
  })
  expect(client.ask(STOP)).toEqual([])
  slow.resolve()
  await turn()
  expect(client.take()).toEqual(['["1",null,"room:a","bye",{}]', CRASHED])
  expect(endpoint.errors).toMatchObject([{ callback: 'handleIn.stop' }, { callback: 'terminate' }])
})

test('if terminate throws in a crash, the client still gets phx_error', async () => {
  const { client } = await joined({ handleIn: { stop: boom }, terminate: boom })
  expect(client.ask(STOP)).toEqual([CRASHED])
})

test.each<[string, Definition]>([
  ['throws', { terminate: boom }],
  ['rejects', { terminate: async () => boom() }],
])('a terminate that %s is reported and has no other effect', async (_how, definition) => {
  const { client, endpoint } = await joined(definition)
  expect(client.ask(LEAVE)).toEqual([LEFT, CLOSED])
  await turn()
  expect(endpoint.errors).toMatchObject([{ callback: 'terminate' }])
  expect(client.ask(JOIN)).toEqual([JOINED])
})

test('terminate is not called for a join that crashed (END-4)', async () => {
  const { client, ends } = await joined({ join: boom })
  expect(client.ask(LEAVE)).toEqual([LEFT])
  expect(ends).toEqual([])
})

test('terminate is called for a join that was refused (END-4)', async () => {
  const { ends } = await joined({ join: async () => ({ error: {} }) })
  await turn()
  expect(ends).toEqual(['shutdown'])
})

test('terminate waits for the callback that is pending at the end', async () => {
  const slow = new Deferred<{ ok: object }>()
  const { client, ends } = await joined({ handleIn: { stop: () => slow.promise } })
  client.send(STOP)
  client.socket.closed('closed')
  expect(ends).toEqual([])
  slow.resolve({ ok: {} })
  await turn()
  expect(ends).toEqual([shutdown('closed')])
})

test('terminate is called once when the pending callback fails after the end', async () => {
  const slow = new Deferred()
  const { client, ends, endpoint } = await joined({ handleIn: { stop: () => slow.promise } })
  client.send(STOP)
  client.socket.closed('closed')
  slow.reject(new Error('boom'))
  await turn()
  expect(ends).toEqual([shutdown('closed')])
  expect(endpoint.causes).toMatchObject([{ message: 'boom' }])
})

test('a callback can end its own channel from outside, and terminate runs after it', async () => {
  const order: string[] = []
  const { client } = await joined({
    handleIn: {
      stop() {
        client.socket.close(1001, 'disconnected')
        order.push('handled')
      },
    },
    terminate: () => void order.push('terminated'),
  })
  client.send(STOP)
  expect(order).toEqual(['handled', 'terminated'])
})

test('after the end, waiting messages are not handled, and the results of callbacks are not sent', async () => {
  const slow = new Deferred<{ ok: object }>()
  const handled: string[] = []
  const { client } = await joined({
    handleIn: { stop: () => slow.promise, echo: () => void handled.push('echo') },
    handleInfo: { info: () => void handled.push('info') },
    handleOut: { out: () => void handled.push('out') },
  })
  client.send(STOP, '["1","4","room:a","echo",{}]', '["2","2","room:a","phx_join",{}]')
  slow.resolve({ ok: {} })
  await turn()
  expect(client.take()).toEqual(['["2","2","room:a","phx_reply",{"response":{},"status":"ok"}]', CLOSED])
  expect(handled).toEqual([])
})

test('timers and subscriptions end with the channel (END-3)', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const infos: string[] = []
  const { client, endpoint } = await joined({
    handleIn: {
      stop(_payload, socket) {
        socket.sendInfoAfter(1, 'tick')
        socket.subscribe('news')
        return { stop: 'normal' }
      },
    },
    handleInfo: { tick: () => void infos.push('tick'), broadcast: () => void infos.push('news') },
  })
  client.send(STOP)
  void endpoint.broadcast('news', 'e', {})
  expect([...endpoint.pubsub.topics('')]).toEqual([])
  vi.advanceTimersByTime(2)
  expect(infos).toEqual([])
})

test('a channel that has ended can still push and broadcast', async () => {
  const handles: ChannelSocket[] = []
  const { client, endpoint } = await joined({
    handleIn: { stop: (_payload, socket) => void handles.push(socket) },
  })
  client.ask(STOP, LEAVE, '["2","2","room:a","phx_join",{}]')
  handles[0]?.push('late', {})
  handles[0]?.broadcast('said', {})
  handles[0]?.broadcastFrom('said', { from: true })
  expect(client.take()).toEqual([
    '["1",null,"room:a","late",{}]',
    '[null,null,"room:a","said",{}]',
    '[null,null,"room:a","said",{"from":true}]',
  ])
  expect(endpoint.errors).toEqual([])
})

test.each<[string, () => { error: { reason: string } }]>([
  ['refuses the client', () => ({ error: { reason: 'full' } })],
  ['throws', boom],
])('a revoked join keeps its reply if its callback %s later (AUTH-6)', async (_, end) => {
  const earlier = new Deferred<void>()
  const later = new Deferred<void>()
  const { client } = await connect({
    join: async (_params, { topic }) => {
      await (topic === 'room:a' ? earlier : later).promise
      return topic === 'room:a' ? { ok: {} } : end()
    },
  })
  client.send(JOIN)
  client.send('["2","2","room:b","phx_join",{}]')
  for (const channel of client.socket.channels) if (channel.topic === 'room:b') channel.revoke()
  later.resolve()
  await turn()
  earlier.resolve()
  await turn()
  const refused = '["2","2","room:b","phx_reply",{"response":{"reason":"unauthorized"},"status":"error"}]'
  expect(client.take()).toEqual([JOINED, refused])
})
