import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { shutdown } from '../../../server/channel/result.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { CLOSED, connect, JOIN } from '../../helpers/one-channel.ts'

const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
const ALIVE = '[null,"h","phoenix","phx_reply",{"response":{},"status":"ok"}]'
const unmatched = (ref: string, topic: string) =>
  `[null,${ref},${topic},"phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]`
const ok = (joinRef: string, ref: string, topic: string) =>
  `["${joinRef}","${ref}","${topic}","phx_reply",{"response":{},"status":"ok"}]`
const echo = { handleIn: { echo: () => ({ ok: {} }) } }

/** A client whose joins of `room:slow…` wait for `slow`; `room:no…` is refused; every end is kept. */
async function withSlowJoins() {
  const slow = new Deferred<{ ok: object }>()
  const ends: unknown[] = []
  const parts = await connect({
    ...echo,
    join(_params, { subtopic }) {
      if (subtopic.startsWith('slow')) return slow.promise as never
      return subtopic.startsWith('no') ? { error: { reason: 'no' } } : { ok: {} }
    },
    terminate: (reason) => void ends.push(reason),
  })
  return { ...parts, slow, ends }
}

describe('a message', () => {
  test.each([
    ['[null,"h","phoenix","heartbeat",{}]', ALIVE],
    ['["7","h","phoenix","heartbeat",null]', ALIVE],
    ['[null,null,"phoenix","heartbeat",{}]', ALIVE.replace('"h"', 'null')],
    ['[null,7,"phoenix","heartbeat",{}]', ALIVE.replace('"h"', '7')],
  ])('%s is a heartbeat, answered by the connection (NAME-1)', async (frame, reply) => {
    const { client } = await connect({})
    expect(client.ask(frame)).toEqual([reply])
  })

  test.each([
    ['["1","2","room:a","echo",{}]', unmatched('"2"', '"room:a"')],
    ['["1","2","nowhere","phx_join",{}]', unmatched('"2"', '"nowhere"')],
    ['["1",{"a":[1]},7,"phx_join",{}]', unmatched('{"a":[1]}', '7')],
    ['[null,null,null,null,null]', unmatched('null', 'null')],
    ['["1","2","phoenix","other",{}]', unmatched('"2"', '"phoenix"')],
  ])('%s matches no channel and gets a reply that says so (JOIN-5, MESSAGE-5)', async (frame, reply) => {
    const { client } = await connect({})
    expect(client.ask(frame)).toEqual([reply])
  })

  test('that leaves a topic that is not joined succeeds (LEAVE-2)', async () => {
    const { client } = await connect({})
    expect(client.ask('["9","5","room:never","phx_leave",{}]')).toEqual([ok('9', '5', 'room:never')])
  })

  test("is fresh if its join_ref is the channel's, or null (MESSAGE-3)", async () => {
    const { client } = await connect(echo)
    client.ask(JOIN)
    expect(client.ask('["1","2","room:a","echo",{}]', '[null,"3","room:a","echo",{}]')).toEqual([
      ok('1', '2', 'room:a'),
      ok('1', '3', 'room:a'),
    ])
  })

  test.each([
    ['["1",{"a":1,"b":[2]}]', '["1",{"b":[2],"a":1}]'],
    ['{"a":null}', '{"a":null}'],
    ['[]', '[]'],
  ])('is fresh if its join_ref is an equal list or object: %s (FRAME-4)', async (joinRef, same) => {
    const { client } = await connect(echo)
    client.ask(`[${joinRef},"1","room:a","phx_join",{}]`)
    expect(client.ask(`[${same},"2","room:a","echo",{}]`)).toHaveLength(1)
    expect(client.ask(`[${same},"3","room:a","phx_leave",{}]`)).toHaveLength(2)
  })

  test.each(['["1"]', '[]', '{"a":1}', '{}', '"1"'])(
    'is stale if its join_ref differs from the list of the channel: %s (FRAME-4)',
    async (other) => {
      const { client } = await connect(echo)
      client.ask('[["1","2"],"1","room:a","phx_join",{}]')
      expect(client.ask(`[${other},"2","room:a","echo",{}]`)).toEqual([])
    },
  )

  test('is fresh with any join_ref if the channel has none (MESSAGE-3)', async () => {
    const { client } = await connect(echo)
    client.ask('[null,"9","room:a","phx_join",{}]')
    expect(client.ask('["77","10","room:a","echo",{}]')).toEqual([ok('9', '10', 'room:a')])
  })

  test.each([
    '["0","2","room:a","echo",{}]',
    '[1,"2","room:a","echo",{}]',
    '["0","2","room:a","phx_leave",{}]',
  ])('that is stale is dropped without a reply: %s (MESSAGE-4)', async (frame) => {
    const { client, endpoint } = await connect(echo)
    client.ask(JOIN)
    expect(client.ask(frame, HEARTBEAT)).toEqual([ALIVE])
    expect(endpoint.localTopics()).toEqual(['room:a'])
  })

  test.each([
    '{{',
    '',
    '{"topic":"x"}',
    '["1","2","room:a","echo"]',
    new Uint8Array([9, 9]),
    new Uint8Array(),
  ])('that cannot be decoded closes the connection with 1011: %j (CLOSE-1)', async (frame) => {
    const { client, endpoint } = await connect({})
    const other = await endpoint.connect(client.socket.definition)
    for (const each of [client, other]) each.ask(JOIN)
    expect(client.ask(frame, HEARTBEAT)).toEqual([])
    expect(client.transport.closeCode).toBe(1011)
    expect([endpoint.sockets.size, endpoint.localMemberCount('room:a')]).toEqual([1, 1])
    expect(other.ask(HEARTBEAT)).toEqual([ALIVE])
  })

  test('that cannot be decoded is published', async () => {
    const told: unknown[] = []
    const listen = (event: unknown) => void told.push(event)
    subscribe('phoenix.frame_refused', listen)
    onTestFinished(() => void unsubscribe('phoenix.frame_refused', listen))
    const { client } = await connect({})
    client.send('{{')
    expect(told).toMatchObject([{ socket: client.socket, error: { code: 'PHX_ERR_FRAME_NOT_JSON' } }])
  })
})

describe('joins', () => {
  test('are answered in the order of the requests; heartbeats overtake them (ORDER-3, ORDER-4)', async () => {
    const { client, slow } = await withSlowJoins()
    client.send('["1","1","room:slow","phx_join",{}]')
    client.send('["2","2","room:b","phx_join",{}]', '["3","3","room:no","phx_join",{}]', HEARTBEAT)
    expect(client.take()).toEqual([ALIVE])
    slow.resolve({ ok: {} })
    await turn()
    expect(client.take()).toEqual([
      ok('1', '1', 'room:slow'),
      ok('2', '2', 'room:b'),
      '["3","3","room:no","phx_reply",{"response":{"reason":"no"},"status":"error"}]',
    ])
  })

  test('delay the messages to their topic until they are answered, in order (MESSAGE-1)', async () => {
    const { client, slow, ends } = await withSlowJoins()
    client.send('["1","1","room:slow","phx_join",{}]', '["1","2","room:slow","echo",{}]')
    client.send('["1","3","room:slow","phx_leave",{}]', '["4","4","room:slow","phx_join",{}]')
    expect(client.ask('["4","5","room:slow","echo",{}]', HEARTBEAT)).toEqual([ALIVE])
    slow.resolve({ ok: {} })
    await turn()
    expect(client.take()).toEqual([
      ok('1', '1', 'room:slow'),
      ok('1', '2', 'room:slow'),
      ok('1', '3', 'room:slow'),
      '["1","1","room:slow","phx_close",{}]',
      ok('4', '4', 'room:slow'),
      ok('4', '5', 'room:slow'),
    ])
    expect(ends).toEqual([shutdown('left')])
  })

  test('that are decided but not answered delay messages, too, even if they are refused', async () => {
    const { client, slow } = await withSlowJoins()
    client.send('["1","1","room:slow","phx_join",{}]')
    client.send('["2","2","room:no","phx_join",{}]', '["3","3","room:yes","phx_join",{}]')
    client.send('["2","4","room:no","echo",{}]', '["2","5","room:no","phx_leave",{}]')
    client.send('["3","6","room:yes","echo",{}]', '["7","7","room:no","phx_join",{}]')
    expect(client.take()).toEqual([])
    slow.resolve({ ok: {} })
    await turn()
    const no = (ref: string) =>
      `["${ref}","${ref}","room:no","phx_reply",{"response":{"reason":"no"},"status":"error"}]`
    expect(client.take()).toEqual([
      ok('1', '1', 'room:slow'),
      no('2'),
      unmatched('"4"', '"room:no"'),
      ok('2', '5', 'room:no'),
      ok('3', '3', 'room:yes'),
      ok('3', '6', 'room:yes'),
      no('7'),
    ])
  })

  test('of a joined topic replace the channel: first the reply, then the end of the old channel (JOIN-9)', async () => {
    const { client, ends, endpoint } = await withSlowJoins()
    client.ask(JOIN)
    expect(client.ask('["2","2","room:a","phx_join",{}]')).toEqual([ok('2', '2', 'room:a'), CLOSED])
    expect(ends).toEqual([shutdown('duplicate_join')])
    expect(endpoint.localMemberCount('room:a')).toBe(1)
    expect(client.ask('["1","3","room:a","echo",{}]', '["2","4","room:a","echo",{}]')).toEqual([
      ok('2', '4', 'room:a'),
    ])
  })

  test('that replace a channel and are refused still send the end of the old channel', async () => {
    let isOpen = true
    const { client } = await connect({ join: () => (isOpen ? { ok: {} } : { error: { reason: 'no' } }) })
    client.ask(JOIN)
    isOpen = false
    expect(client.ask('["2","2","room:a","phx_join",{}]')).toEqual([
      '["2","2","room:a","phx_reply",{"response":{"reason":"no"},"status":"error"}]',
      CLOSED,
    ])
    expect(client.socket.channelCount).toBe(0)
  })

  test('behind a leave in one packet succeed, and the end is sent once (LEAVE-3)', async () => {
    const slow = new Deferred()
    const { client } = await connect({ handleIn: { slow: () => slow.promise } })
    client.ask(JOIN)
    client.send(
      '["1","2","room:a","slow",{}]',
      '["1","3","room:a","phx_leave",{}]',
      '["4","4","room:a","phx_join",{}]',
    )
    slow.resolve()
    await turn()
    expect(client.take()).toEqual([ok('4', '4', 'room:a'), CLOSED])
  })

  test('above the limit are refused, except of a joined topic (JOIN-8)', async () => {
    const endpoint = new TestEndpoint({ limits: { maxChannels: 2 } })
    const room = defineUntypedChannel('room:*', { join: () => ({ ok: {} }) })
    const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(room))
    client.ask(JOIN, '["2","2","room:b","phx_join",{}]')
    expect(client.ask('["3","3","room:c","phx_join",{}]', '["4","4","room:a","phx_join",{}]')).toEqual([
      '["3","3","room:c","phx_reply",{"response":{"reason":"too many channels joined"},"status":"error"}]',
      ok('4', '4', 'room:a'),
      CLOSED,
    ])
    expect(client.socket.channelCount).toBe(2)
  })

  test('of a topic longer than the limit are unmatched, whatever the pattern (JOIN-5)', async () => {
    const endpoint = new TestEndpoint({ limits: { maxTopicLength: 6 } })
    const room = defineUntypedChannel('room:*', { join: () => ({ ok: {} }) })
    const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(room))
    expect(client.ask(JOIN, '["2","2","room:bb","phx_join",{}]')).toEqual([
      ok('1', '1', 'room:a'),
      unmatched('"2"', '"room:bb"'),
    ])
  })

  test('get the assigns of their route merged over those of the socket, which keep their class', async () => {
    class User {
      readonly role: string = 'guest'
      greet() {
        return `hi ${this.role}`
      }
    }
    const channel = defineUntypedChannel('room:*', {
      join: (_params, { assigns }) => ({ ok: { greeting: (assigns as User).greet() } }),
    })
    const socket = defineSocket({ connect: () => ({ ok: new User() }) })
    const client = await new TestEndpoint().connect(socket.channel(channel, { assigns: { role: 'admin' } }))
    expect(String(client.ask('["1","1","room:a","phx_join",{}]'))).toContain('"greeting":"hi admin"')
  })

  test('get the assigns of their route merged over those of the socket', async () => {
    const seen: unknown[] = []
    const room = (topic: string) =>
      defineUntypedChannel<{ userId: string }>(topic, {
        join(_params, socket) {
          seen.push(socket.assigns)
          return { ok: {} }
        },
      })
    const socket = defineSocket({ connect: () => ({ ok: { userId: 'u1' } }) })
      .channel(room('room:*'), { assigns: { kind: 'public' } })
      .channel(room('game:*'))
    const client = await new TestEndpoint().connect(socket)
    client.send(JOIN, '["2","2","game:a","phx_join",{}]')
    expect(seen).toEqual([{ userId: 'u1', kind: 'public' }, { userId: 'u1' }])
    expect(client.socket.assigns).toEqual({ userId: 'u1' })
  })
})
