// How a connection of server/socket/socket.ts is slowed down and ends; the rest is in socket.test.ts.
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import type { Limits } from '../../../server/limits/config.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { connect, type Definition, JOIN } from '../../helpers/one-channel.ts'

const SLOW = '["1","0","room:a","slow",{}]'
const message = (ref: number) => `["1","${ref}","room:a","echo",{}]`

async function limited(limits: Partial<Limits>, definition: Definition = {}) {
  const slow = new Deferred()
  const endpoint = new TestEndpoint({ limits })
  const room = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    handleIn: { slow: () => slow.promise, echo: (payload) => ({ ok: payload }) },
    ...definition,
  })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(room))
  return { endpoint, client, slow }
}

test('reading pauses while too many messages are queued, and resumes when half are handled', async () => {
  const { client, slow } = await limited({ maxQueuedMessages: 4 })
  client.send(JOIN, SLOW, message(1), message(2), message(3), message(4))
  expect(client.transport.isPaused).toBe(false)
  client.send(message(5))
  expect(client.transport.isPaused).toBe(true)
  client.take()
  slow.resolve()
  await turn()
  expect(client.transport.isPaused).toBe(false)
  expect(client.take()).toHaveLength(5)
})

test('reading resumes once at half of the queue, not at every message', async () => {
  const gates = [new Deferred(), new Deferred(), new Deferred(), new Deferred(), new Deferred()]
  let next = 0
  const { client } = await limited(
    { maxQueuedMessages: 4 },
    { handleIn: { slow: () => gates[next++]?.promise, echo: () => gates[next++]?.promise } },
  )
  client.send(JOIN, SLOW, ...[1, 2, 3, 4, 5].map(message))
  const paused: boolean[] = []
  for (const gate of gates) {
    gate.resolve()
    await turn()
    paused.push(client.transport.isPaused)
  }
  // Five messages wait, and one at a time is taken: 4, 3, 2, 1, 0 are left.
  expect(paused).toEqual([true, true, false, false, false])
})

test('bytes count like messages', async () => {
  const { client, slow } = await limited({ maxQueuedBytes: 100 })
  client.send(JOIN, SLOW, `["1","1","room:a","echo","${'x'.repeat(100)}"]`)
  expect(client.transport.isPaused).toBe(true)
  slow.resolve()
  await turn()
  expect(client.transport.isPaused).toBe(false)
})

test('messages that wait behind a pending join count, too', async () => {
  const answer = new Deferred<{ ok: object }>()
  const { client } = await limited({ maxQueuedMessages: 2 }, { join: () => answer.promise as never })
  client.send(JOIN, message(1), message(2), message(3))
  expect(client.transport.isPaused).toBe(true)
  answer.resolve({ ok: {} })
  await turn()
  expect(client.transport.isPaused).toBe(false)
  expect(client.take()).toHaveLength(4)
})

test('messages that wait in a channel that ends are subtracted', async () => {
  const { client } = await limited({ maxQueuedMessages: 2 })
  client.send(JOIN, SLOW, message(1), message(2), message(3))
  expect(client.transport.isPaused).toBe(true)
  client.send('["2","2","room:a","phx_join",{}]')
  expect(client.transport.isPaused).toBe(false)
})

test.each<[string, Definition, string[]]>([
  ['behind a pending handler', { handleOut: { said: () => {} } }, [JOIN, SLOW]],
  [
    'behind one, of another topic',
    {
      join: (_params, socket) => {
        socket.subscribe('news')
        return { ok: {} }
      },
      handleInfo: { broadcast: () => {} },
    },
    [JOIN, SLOW],
  ],
  [
    'until a join is answered, which waits for another',
    {
      join: (_params, { subtopic }) =>
        subtopic === 'a' ? { ok: {} } : new Deferred<{ ok: object }>().promise,
    },
    ['["2","2","room:slow","phx_join",{}]', JOIN],
  ],
])(
  'the allowed number of broadcasts can wait %s; one more ends the connection (CLOSE-3)',
  async (_where, definition, frames) => {
    const { client, endpoint } = await limited({ maxQueuedBroadcasts: 3 }, definition)
    client.send(...frames)
    const topic = definition.handleInfo === undefined ? 'room:a' : 'news'
    for (let n = 0; n < 3; n += 1) void endpoint.broadcast(topic, 'said', { n })
    expect(client.transport.closeCode).toBe(null)
    void endpoint.broadcast(topic, 'said', { n: 3 })
    expect(client.transport.closeCode).toBe(1013)
    expect([...endpoint.pubsub.topics('')]).toEqual([])
  },
)

test('broadcasts that were handled, or dropped with their channel, do not count', async () => {
  const gates = [new Deferred(), new Deferred(), new Deferred()]
  let next = 0
  const { client, endpoint } = await limited(
    { maxQueuedBroadcasts: 3 },
    { handleIn: { slow: () => gates[next++]?.promise }, handleOut: { said: () => {} } },
  )
  const say = () => [1, 2, 3].forEach((n) => void endpoint.broadcast('room:a', 'said', { n }))
  client.send(JOIN, SLOW)
  say()
  gates[0]?.resolve()
  await turn()
  client.send(SLOW)
  say()
  client.send('["2","2","room:a","phx_join",{}]', '["2","3","room:a","slow",{}]')
  say()
  expect(client.transport.closeCode).toBe(null)
  void endpoint.broadcast('room:a', 'said', { n: 4 })
  expect(client.transport.closeCode).toBe(1013)
})

test('a closed connection ends its channels without a frame and is removed (CLOSE-4)', async () => {
  const ends: unknown[] = []
  const { client, endpoint } = await connect({ terminate: (reason) => void ends.push(reason) })
  client.ask(JOIN, '["2","2","room:b","phx_join",{}]')
  client.socket.closed('closed')
  client.socket.closed('closed')
  expect(ends).toEqual([shutdown('closed'), shutdown('closed')])
  expect(client.take()).toEqual([])
  expect([endpoint.sockets.size, endpoint.localTopics(), client.socket.channelCount]).toEqual([0, [], 0])
})

test('a closed connection handles no more frames', async () => {
  const { client, endpoint } = await connect({})
  client.socket.closed('closed')
  client.send(JOIN)
  void endpoint.broadcast('room:a', 'e', {})
  expect([client.take(), endpoint.localTopics()]).toEqual([[], []])
})

test('a join that is decided after the connection has closed leaves no state behind', async () => {
  const answers = [new Deferred<{ ok: object }>(), new Deferred<{ ok: object }>()]
  let next = 0
  const { client, endpoint } = await connect({ join: () => answers[next++]?.promise as never })
  client.send(JOIN, '["2","2","room:b","phx_join",{}]', '["3","3","room:b","phx_join",{}]')
  client.socket.closed('closed')
  for (const answer of answers) answer.resolve({ ok: {} })
  await turn()
  expect([endpoint.localTopics(), client.take(), endpoint.errors]).toEqual([[], [], []])
})

test('messages behind a join are dropped if its first callback ends the connection', async () => {
  const answer = new Deferred<{ ok: object }>()
  const { client, endpoint } = await connect({
    join(_params, socket) {
      socket.sendInfo('after_join')
      return answer.promise as never
    },
    handleInfo: { after_join: () => client.socket.close(1001, 'disconnected') },
  })
  client.send(JOIN, '["1","2","room:a","phx_leave",{}]', '["3","3","room:a","phx_join",{}]')
  answer.resolve({ ok: {} })
  await turn()
  expect(client.transport.closeCode).toBe(1001)
  expect([endpoint.localTopics(), client.socket.channelCount]).toEqual([[], 0])
})

test('a second join is dropped if the end of the first channel ends the connection', async () => {
  const joins: string[] = []
  const { client, endpoint } = await connect({
    join: (_params, socket) => {
      joins.push(socket.topic)
      return { ok: {} }
    },
    terminate: () => client.socket.close(1001, 'disconnected'),
  })
  client.send(JOIN, '["2","2","room:a","phx_join",{}]')
  expect(joins).toEqual(['room:a'])
  expect([...endpoint.pubsub.topics('')]).toEqual([])
  expect(client.socket.channelCount).toBe(0)
})

test('disconnecting the id of a socket closes all its connections with 1001, and no others (ID-2)', async () => {
  const ends: unknown[] = []
  const room = defineUntypedChannel('room:*', {
    join: () => ({ ok: {} }),
    terminate: (reason) => void ends.push(reason),
  })
  const endpoint = new TestEndpoint()
  const User = defineSocket({
    params: Type.Object({ id: Type.Optional(Type.String()) }),
    connect: ({ id }) => ({ ok: { id: id ?? null } }),
  })
    .id(({ id }) => id)
    .channel(room)
  const [one, two, other, nobody] = await Promise.all(
    [{ id: 'u1' }, { id: 'u1' }, { id: 'u2' }, {}].map((params) =>
      endpoint.connect(User, { vsn: '2.0.0', ...params }),
    ),
  )
  one?.ask(JOIN)
  void endpoint.broadcast('u1', 'phx_close', {})
  expect(one?.transport.closeCode).toBeNull()
  void endpoint.disconnect('u1')
  const codes = [one, two, other, nobody].map((client) => client?.transport.closeCode)
  expect(codes).toEqual([1001, 1001, null, null])
  expect([one?.take(), ends]).toEqual([[], [shutdown('disconnected')]])
  expect([...endpoint.pubsub.topics('')]).toEqual(['u2'])
})
