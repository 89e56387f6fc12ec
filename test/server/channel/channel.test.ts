import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { defineContract } from '../../../protocol/index.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import { LocalEngine } from '../../../server/engine/local-engine.ts'
import { LocalAdapter } from '../../../server/pubsub/local-adapter.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { connect, connectTo, type Definition, JOIN, JOINED } from '../../helpers/one-channel.ts'

const refusal = (reason: string) =>
  `["1","1","room:a","phx_reply",{"response":{"reason":"${reason}"},"status":"error"}]`

describe('a join', () => {
  test.each<[unknown, string]>([
    [{ ok: {} }, '{"response":{},"status":"ok"}'],
    [{ ok: { history: [1] } }, '{"response":{"history":[1]},"status":"ok"}'],
    [{ ok: [1, 'two'] }, '{"response":[1,"two"],"status":"ok"}'],
    [{ error: { reason: 'unauthorized' } }, '{"response":{"reason":"unauthorized"},"status":"error"}'],
    [{ error: 'full' }, '{"response":"full","status":"error"}'],
  ])(
    'is answered with the result of join, at once or later: %j (JOIN-1, JOIN-2)',
    async (result, payload) => {
      const reply = `["1","1","room:a","phx_reply",${payload}]`
      const sync = await connect({ join: () => result as never })
      expect(sync.client.ask(JOIN)).toEqual([reply])
      const async = await connect({ join: async () => result as never })
      expect(async.client.ask(JOIN)).toEqual([])
      await turn()
      expect(async.client.take()).toEqual([reply])
    },
  )

  test('that is refused leaves the topic free', async () => {
    const { client, endpoint } = await connect({ join: () => ({ error: {} }) })
    client.ask(JOIN)
    expect([client.socket.channelCount, endpoint.localTopics()]).toEqual([0, []])
  })

  const boom = () => {
    throw new Error('boom')
  }
  test.each<[string, Definition]>([
    ['throws', { join: boom }],
    ['rejects', { join: async () => boom() }],
    ['returns nothing', { join: () => undefined as never }],
    ['returns an invalid result', { join: async () => ({ status: 'retry', payload: {} }) as never }],
    ['returns a value that cannot be shown', { join: () => Object.create(null) as never }],
    ['replies with a value that cannot be encoded', { join: () => ({ ok: { n: 1n } as never }) }],
    ['refuses with a value that cannot be encoded', { join: async () => ({ error: { n: 1n } }) }],
  ])('that %s crashes, and the connection continues (JOIN-7)', async (_how, definition) => {
    const { client, endpoint } = await connect(definition)
    client.send(JOIN)
    await turn()
    expect(client.take()).toEqual([refusal('join crashed')])
    expect(endpoint.errors).toMatchObject([{ name: 'CallbackError', callback: 'join', owner: 'room:*' }])
    expect(client.ask('[null,"2","phoenix","heartbeat",{}]')).toHaveLength(1)
    expect([client.socket.channelCount, endpoint.localTopics()]).toEqual([0, []])
  })

  test('crashes if its assigns cannot be created', async () => {
    const { client } = await connectTo(
      defineUntypedChannel('room:*', { assigns: boom, join: () => ({ ok: {} }) }),
    )
    expect(client.ask(JOIN)).toEqual([refusal('join crashed')])
  })

  test('has its params checked before join is called (JOIN-6)', async () => {
    const given: unknown[] = []
    const params = Type.Object({ since: Type.String() })
    const channel = defineChannel(defineContract({ topic: 'room:*', params }), {
      join: (checked) => {
        given.push(checked)
        return { ok: {} }
      },
    })
    const { client } = await connectTo(channel)
    expect(client.ask('["1","1","room:a","phx_join",{"since":1}]')).toEqual([
      '["1","1","room:a","phx_reply",{"response":{"reason":"invalid params","errors":[{"path":"/since","message":"must be string"}]},"status":"error"}]',
    ])
    expect(client.ask('["1","1","room:a","phx_join",{"since":"m1"}]')).toEqual([JOINED])
    expect(given).toEqual([{ since: 'm1' }])
  })

  test('crashes if the check of its params throws', async () => {
    const params = Type.Refine(Type.Object({}), boom, () => '')
    const channel = defineChannel(defineContract({ topic: 'room:*', params }), { join: () => ({ ok: {} }) })
    const { client, endpoint } = await connectTo(channel)
    expect(client.ask(JOIN)).toEqual([refusal('join crashed')])
    expect(endpoint.errors).toHaveLength(1)
  })

  test('creates its assigns from those of the socket', async () => {
    const seen: unknown[] = []
    const channel = defineUntypedChannel('room:*', {
      assigns: (user: { userId: string }) => ({ userId: user.userId, sent: 0 }),
      join(_params, socket) {
        socket.assigns.sent += 1
        seen.push(socket.assigns)
        return { ok: {} }
      },
    })
    const endpoint = new TestEndpoint()
    const socket = defineSocket({ connect: () => ({ ok: { userId: 'u1' } }) }).channel(channel)
    const client = await endpoint.connect(socket)
    client.send(JOIN, '["2","2","room:b","phx_join",{}]')
    expect(seen).toEqual([
      { userId: 'u1', sent: 1 },
      { userId: 'u1', sent: 1 },
    ])
    expect(client.socket.assigns).toEqual({ userId: 'u1' })
  })

  test('copies assigns that are a plain object, and passes an instance of a class on as it is', async () => {
    class User {
      readonly #name = 'Ann'
      get name() {
        return this.#name
      }
    }
    const given = [{ name: 'Ann' }, new User(), new Map([['name', 'Ann']])]
    const seen: unknown[] = []
    for (const assigns of given) {
      const channel = defineUntypedChannel('room:*', {
        join(_params, socket) {
          seen.push(socket.assigns)
          return { ok: {} }
        },
      })
      const socket = defineSocket({ connect: () => ({ ok: assigns as object }) }).channel(channel)
      const client = await new TestEndpoint().connect(socket)
      client.send(JOIN)
    }
    expect(seen).toEqual(given)
    expect(seen[0]).not.toBe(given[0])
    expect(seen.slice(1)).toEqual(given.slice(1).map((value) => expect.toSatisfy((other) => other === value)))
  })

  test('is answered when other nodes have subscribed too, and nothing overtakes the reply', async () => {
    const standing = new Deferred()
    const adapter = Object.assign(new LocalAdapter(), { subscribe: () => standing.promise })
    const endpoint = new TestEndpoint({ engine: new LocalEngine(adapter) })
    const room = defineUntypedChannel('room:*', { join: () => ({ ok: {} }) })
    const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(room))
    client.send(JOIN)
    void endpoint.broadcast('room:a', 'early', {})
    await turn()
    expect(client.take()).toEqual([])
    standing.resolve()
    await turn()
    expect(client.take()).toEqual([JOINED, '[null,null,"room:a","early",{}]'])
  })

  test('that is answered after the connection has closed is undone', async () => {
    const pending = new Deferred<{ ok: object }>()
    const ends: unknown[] = []
    const { client, endpoint } = await connect({
      join: (_params, socket) => {
        socket.subscribe('news')
        return pending.promise as never
      },
      handleInfo: { broadcast() {} },
      terminate: (reason) => void ends.push(reason),
    })
    client.send(JOIN)
    client.socket.closed('closed')
    expect(ends).toEqual([])
    pending.resolve({ ok: {} })
    await turn()
    expect(ends).toEqual([shutdown('closed')])
    expect([...endpoint.pubsub.topics('')]).toEqual([])
    expect(client.take()).toEqual([])
  })
})

describe('broadcasts', () => {
  test('that arrive between subscription and reply are sent after the reply (JOIN-3)', async () => {
    const first = new Deferred<{ ok: object }>()
    const { client, endpoint } = await connect({
      join: (_params, { subtopic }) => (subtopic === 'slow' ? (first.promise as never) : { ok: {} }),
      handleOut: { odd: (payload, socket) => socket.push('changed', payload as object) },
    })
    client.send('["0","0","room:slow","phx_join",{}]', JOIN)
    void endpoint.broadcast('room:a', 'even', { n: 0 })
    void endpoint.broadcast('room:a', 'odd', { n: 1 })
    void endpoint.broadcast('room:a', 'even', { n: 2 })
    expect(client.take()).toEqual([])
    first.resolve({ ok: {} })
    await turn()
    expect(client.take().slice(1)).toEqual([
      JOINED,
      '[null,null,"room:a","even",{"n":0}]',
      '[null,null,"room:a","even",{"n":2}]',
      '["1",null,"room:a","changed",{"n":1}]',
    ])
  })

  test('that cannot be encoded are errors where they are sent, even while they wait', async () => {
    const topic = `room:${'x'.repeat(300)}`
    const first = new Deferred<{ ok: object }>()
    const join = (_params: unknown, { topic }: { topic: string }) =>
      topic === 'room:slow' ? (first.promise as never) : { ok: {} }
    const { client, endpoint } = await connect({ join })
    client.send('["0","0","room:slow","phx_join",{}]', `["1","1","${topic}","phx_join",{}]`)
    expect(() => endpoint.broadcast(topic, 'bytes', new Uint8Array(2))).toThrow('at most 255 bytes')
    first.resolve({ ok: {} })
    await turn()
    expect(client.take()).toHaveLength(2)
  })

  test('that are intercepted inside a callback are sent after its reply (ORDER-2)', async () => {
    const { client } = await connect({
      handleIn: {
        say(payload, socket) {
          socket.broadcast('plain', payload as object)
          socket.broadcast('odd', payload as object)
          return { ok: {} }
        },
      },
      handleOut: { odd: (payload, socket) => socket.push('changed', payload as object) },
    })
    client.ask(JOIN)
    expect(client.ask('["1","2","room:a","say",{"n":1}]')).toEqual([
      '[null,null,"room:a","plain",{"n":1}]',
      '["1","2","room:a","phx_reply",{"response":{},"status":"ok"}]',
      '["1",null,"room:a","changed",{"n":1}]',
    ])
  })

  test('that are intercepted are not sent to the client directly', async () => {
    const { client, endpoint } = await connect({ handleOut: { secret() {} } })
    client.ask(JOIN)
    void endpoint.broadcast('room:a', 'secret', {})
    void endpoint.broadcast('room:a', 'constructor', {})
    expect(client.take()).toEqual(['[null,null,"room:a","constructor",{}]'])
  })

  test('of bytes are not sent to clients of version 1 (V1-6)', async () => {
    const { endpoint, client } = await connect({})
    client.ask(JOIN)
    const old = await endpoint.connect(client.socket.definition, {})
    old.ask('{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}')
    void endpoint.broadcast('room:a', 'b', new Uint8Array([9]))
    void endpoint.broadcast('room:a', 'e', {})
    expect(old.take()).toEqual(['{"event":"e","payload":{},"ref":null,"topic":"room:a"}'])
    expect(client.take()).toHaveLength(2)
  })
})

describe('a message', () => {
  const ECHO = '["1","2","room:a","echo",{"n":1}]'

  test.each<[unknown, string[]]>([
    [undefined, []],
    [{ ok: { n: 1 } }, ['{"response":{"n":1},"status":"ok"}']],
    [{ error: { reason: 'muted' } }, ['{"response":{"reason":"muted"},"status":"error"}']],
    [{ status: 'retry', payload: [1] }, ['{"response":[1],"status":"retry"}']],
  ])(
    'is answered with the result of its handler, at once or later: %j (REPLY-1)',
    async (result, payloads) => {
      const replies = payloads.map((payload) => `["1","2","room:a","phx_reply",${payload}]`)
      const { client } = await connect({
        handleIn: { echo: () => result as undefined, later: async () => result as undefined },
      })
      client.ask(JOIN)
      expect(client.ask(ECHO)).toEqual(replies)
      expect(client.ask('["1","2","room:a","later",{}]')).toEqual([])
      await turn()
      expect(client.take()).toEqual(replies)
    },
  )

  test.each(['unknown', 'constructor', '__proto__', 'phx_reply', 'phx_close'])(
    'of the event %s, which has no handler, is answered and the channel continues (MESSAGE-6)',
    async (event) => {
      const { client } = await connect({ handleIn: { echo: (payload) => ({ ok: payload }) } })
      client.ask(JOIN)
      expect(client.ask(`["1","2","room:a","${event}",{}]`, ECHO)).toEqual([
        '["1","2","room:a","phx_reply",{"response":{"reason":"unmatched event"},"status":"error"}]',
        '["1","2","room:a","phx_reply",{"response":{"n":1},"status":"ok"}]',
      ])
    },
  )

  test('that does not match the contract is answered and the channel continues (MESSAGE-7)', async () => {
    const payload = Type.Object({ body: Type.String() })
    const room = defineContract({ topic: 'room:*', incoming: { say: { payload, reply: Type.Unknown() } } })
    const { client } = await connectTo(
      defineChannel(room, { join: () => ({ ok: {} }), handleIn: { say: ({ body }) => ({ ok: body }) } }),
    )
    client.ask(JOIN)
    expect(client.ask('["1","2","room:a","say",[]]', '["1","3","room:a","say",{"body":"hi"}]')).toEqual([
      '["1","2","room:a","phx_reply",{"response":{"reason":"invalid payload","errors":[{"path":"","message":"must be object"}]},"status":"error"}]',
      '["1","3","room:a","phx_reply",{"response":"hi","status":"ok"}]',
    ])
  })

  test('waits for the one before it; other channels do not wait (ORDER-1)', async () => {
    const slow = new Deferred()
    const { client } = await connect({
      handleIn: { slow: () => slow.promise, echo: (payload) => ({ ok: payload }) },
    })
    client.ask(JOIN, '["9","9","room:b","phx_join",{}]')
    client.send('["1","0","room:a","slow",{}]', ECHO)
    expect(client.ask('["9","2","room:b","echo",{}]')).toHaveLength(1)
    slow.resolve()
    await turn()
    expect(client.take()).toEqual(['["1","2","room:a","phx_reply",{"response":{"n":1},"status":"ok"}]'])
  })
})
