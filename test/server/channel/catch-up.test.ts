import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Broadcast } from '../../../protocol/index.ts'
import { defineChannel, defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { BreakableEngine } from '../../helpers/breakable-engine.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { KeptRoom, KeptSocket, keptEndpoint, rejoin, settled } from '../../helpers/kept-room.ts'

const msg = (n: number, seq: number) => `[null,null,"log:a","msg",{"n":${n},"_seq":${seq}}]`

it('tells a new client that asks after which sequence number it continues, and numbers later broadcasts', async () => {
  const endpoint = keptEndpoint()
  const { client, recovery, frames } = await rejoin(endpoint, null)
  expect(recovery).toEqual({
    epoch: expect.stringMatching(/^\d{19}$/),
    seq: 0,
    head: 0,
    id: expect.stringMatching(/^[\w-]{16}$/),
    recovered: false,
  })
  expect(frames).toEqual([])
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  expect(client.take()).toEqual([msg(1, 1)])
})

it('sends a client that does not ask the same frames as without a history', async () => {
  const endpoint = keptEndpoint()
  const client = await endpoint.connect(KeptSocket)
  const joined = client.ask('["1","1","log:a","phx_join",{"name":"Ann"}]')
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  expect([...joined, ...client.take()]).toEqual([
    '["1","1","log:a","phx_reply",{"response":{"hello":true},"status":"ok"}]',
    '[null,null,"log:a","msg",{"n":1}]',
  ])
})

it('sends missed broadcasts after the reply, in order, and then live ones (RECOVERY-6)', async () => {
  const endpoint = keptEndpoint()
  const { recovery } = await rejoin(endpoint, null)
  for (let n = 1; n <= 3; n++) await endpoint.broadcast('log:a', 'msg', { n })
  const back = await rejoin(endpoint, { ...recovery, seq: 1 })
  expect(back.recovery).toEqual({ ...recovery, seq: 1, head: 3, recovered: true })
  await endpoint.broadcast('log:a', 'msg', { n: 4 })
  expect([...back.frames, ...back.client.take()]).toEqual([msg(2, 2), msg(3, 3), msg(4, 4)])
})

it.each([
  ['two joins', []],
  ['a join, a leave and a join', ['["1","2","log:a","phx_leave",{}]']],
])('after %s in one packet, what was missed follows the last reply once (RECOVERY-6)', async (_, between) => {
  const endpoint = keptEndpoint()
  const { recovery } = await rejoin(endpoint, null)
  for (let n = 1; n <= 2; n++) await endpoint.broadcast('log:a', 'msg', { n })
  const client = await endpoint.connect(KeptSocket)
  const asking = (ref: number) =>
    JSON.stringify([`${ref}`, `${ref}`, 'log:a', 'phx_join', { _since: recovery }])
  for (const frame of [asking(1), ...between, asking(3)]) client.send(frame)
  const frames = await settled(client)
  await endpoint.broadcast('log:a', 'msg', { n: 3 })
  const last = frames.findIndex((frame) => frame.startsWith('["3","3","log:a","phx_reply"'))
  const after = frames.slice(last + 1).filter((frame) => frame.includes('"msg"'))
  expect([...after, ...client.take()]).toEqual([msg(1, 1), msg(2, 2), msg(3, 3)])
})

it('ignores a join that a later one has overtaken, as over long-poll (RECOVERY-19)', async () => {
  const endpoint = keptEndpoint()
  const client = await endpoint.connect(KeptSocket)
  const asking = (ref: number) => `["${ref}","${ref}","log:a","phx_join",{"_since":null}]`
  const [joined] = client.ask(asking(10))
  expect(joined).toContain('"status":"ok"')
  expect(client.ask(asking(9))).toEqual([])
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  expect(client.take()).toEqual([msg(1, 1)])
  const [again, closed] = client.ask(asking(11))
  expect([again, closed]).toEqual([
    expect.stringContaining('"status":"ok"'),
    expect.stringContaining('phx_close'),
  ])
})

it('replays nothing in part: a client that missed too many continues from the head (RECOVERY-4)', async () => {
  const endpoint = keptEndpoint()
  const { recovery } = await rejoin(endpoint, null)
  for (let n = 1; n <= 12; n++) await endpoint.broadcast('log:a', 'msg', { n })
  const whole = await rejoin(endpoint, { ...recovery, seq: 2 })
  expect([whole.recovery.recovered, whole.frames.length]).toEqual([true, 10])
  const late = await rejoin(endpoint, { ...recovery, seq: 1 })
  expect(late.recovery).toMatchObject({ recovered: false, seq: 12, head: 12 })
  expect(late.frames).toEqual([])
  const latest = await rejoin(endpoint, { ...recovery, seq: 1 }, { last: 2 })
  expect(latest.frames).toEqual([msg(11, 11), msg(12, 12)])
})

it('does not replay to a client what it sent itself, under the id that it shows (RECOVERY-7)', async () => {
  const endpoint = keptEndpoint()
  const { client, recovery } = await rejoin(endpoint, null)
  client.send('["1","2","log:a","say_from",{"n":1}]')
  await endpoint.broadcast('log:a', 'msg', { n: 2 })
  expect(client.take()).toEqual([msg(2, 2)])
  expect((await rejoin(endpoint, recovery)).frames).toEqual([msg(2, 2)])
  expect((await rejoin(endpoint, { ...recovery, id: `${recovery.id}x` })).frames).toHaveLength(2)
})

it('tells a client that receives nothing how far it has come, across rejoins too (RECOVERY-9)', async () => {
  const endpoint = keptEndpoint()
  const { client, recovery } = await rejoin(endpoint, null)
  client.send('["1","2","log:a","say_from",{"n":1}]')
  expect(client.take()).toEqual([])
  const back = await rejoin(endpoint, recovery)
  expect(back.frames).toEqual([])
  back.client.send('["1","2","log:a","say_from",{"n":2}]')
  expect(back.client.take()).toEqual(['["1",null,"log:a","_seq",{"_seq":2}]'])
})

it('keeps broadcasts that are not kept in order with kept and missed ones (RECOVERY-14)', async () => {
  const endpoint = keptEndpoint({ messageRate: 1, messageBurst: 1_000 })
  const { recovery } = await rejoin(endpoint, null)
  for (let n = 1; n <= 3; n++) await endpoint.broadcast('log:a', 'msg', { n })
  const client = await endpoint.connect(KeptSocket)
  client.send(JSON.stringify(['1', '1', 'log:a', 'phx_join', { _since: recovery }]))
  await endpoint.broadcast('log:a', 'msg', { n: 4 })
  await endpoint.broadcast('log:a', 'blink', { n: 5 })
  await endpoint.broadcast('log:a', 'msg', { n: 6 })
  const [, ...frames] = await settled(client)
  const blink = '[null,null,"log:a","blink",{"n":5}]'
  expect(frames).toEqual([msg(1, 1), msg(2, 2), msg(3, 3), msg(4, 4), blink, msg(6, 5)])
})

it('does not keep a broadcast of a kept event with keep: false', async () => {
  const endpoint = keptEndpoint()
  const { client, recovery } = await rejoin(endpoint, null)
  await endpoint.broadcast('log:a', 'msg', { n: 1 }, { keep: false })
  expect(client.take()).toEqual(['[null,null,"log:a","msg",{"n":1}]'])
  expect((await rejoin(endpoint, recovery)).recovery.head).toBe(0)
})

it('refuses bytes and too large payloads for kept events (RECOVERY-16)', () => {
  const endpoint = keptEndpoint()
  const refused = (words: RegExp) =>
    expect.objectContaining({ code: 'PHX_ERR_PAYLOAD_TYPE', message: expect.stringMatching(words) })
  expect(() => endpoint.broadcast('log:a', 'msg', Uint8Array.of(1))).toThrow(
    refused(/^the history of "log:a" keeps "msg", so the payload must be JSON \(got bytes\)$/),
  )
  expect(() => endpoint.broadcast('log:a', 'msg', { text: 'x'.repeat(1_000) })).toThrow(
    refused(/, so the payload must have at most \d+ bytes \(got 1011\)$/),
  )
  expect(() => endpoint.broadcast('log:a', 'blink', Uint8Array.of(1))).not.toThrow()
})

/** The room with another history. */
const roomWith = (history: { size?: number; maxBytes?: number; onJoin?: number }) => ({
  ...KeptRoom,
  history: { ...KeptRoom.history, ...history },
})

/** A channel that intercepts all kept events but `msg`. */
const filteredChannel = (Room: ReturnType<typeof roomWith>, wait = turn) =>
  defineChannel(Room, {
    join: () => ({ ok: { hello: true } }),
    handleIn: { say: () => {}, say_from: () => {} },
    handleOut: {
      async odd(payload, socket) {
        await wait()
        if (Number(Reflect.get(payload, 'n')) % 2 === 1) socket.push('odd', payload)
      },
      out(payload, socket) {
        socket.push('out', { ...payload, part: 1 })
        socket.push('out', { ...payload, part: 2 })
      },
      poison() {
        throw new Error('poison')
      },
    },
  })

const filtered = (size: number) =>
  defineSocket({ connect: () => ({ ok: {} }) }).channel(filteredChannel(roomWith({ size })))

it('sends a broadcast that is not intercepted after those that wait in the mailbox (RECOVERY-8)', async () => {
  const endpoint = keptEndpoint()
  const { client } = await rejoin(endpoint, null, { socket: filtered(10) })
  await endpoint.broadcast('log:a', 'odd', { n: 1 })
  await endpoint.broadcast('log:a', 'msg', { n: 2 })
  expect(await settled(client)).toEqual(['["1",null,"log:a","odd",{"n":1,"_seq":1}]', msg(2, 2)])
})

it('adds the sequence number only to the last of several pushes for one broadcast (RECOVERY-8)', async () => {
  const endpoint = keptEndpoint()
  const { client } = await rejoin(endpoint, null, { socket: filtered(10) })
  await endpoint.broadcast('log:a', 'out', { _seq: 'mine' })
  expect(await settled(client)).toEqual([
    '["1",null,"log:a","out",{"_seq":"mine","part":1}]',
    '["1",null,"log:a","out",{"part":2,"_seq":1}]',
  ])
})

it('marks a broadcast that handleOut drops, and one for which it throws, before the end is sent (RECOVERY-8)', async () => {
  const endpoint = keptEndpoint()
  const socket = filtered(10)
  const { client, recovery } = await rejoin(endpoint, null, { socket })
  await endpoint.broadcast('log:a', 'odd', { n: 2 })
  await endpoint.broadcast('log:a', 'odd', { n: 2 })
  expect(await settled(client)).toEqual(['["1",null,"log:a","_seq",{"_seq":2}]'])
  await endpoint.broadcast('log:a', 'poison', {})
  expect(await settled(client)).toEqual([
    '["1",null,"log:a","_seq",{"_seq":3}]',
    '["1","1","log:a","phx_error",{"reason":"channel_crash"}]',
  ])
  expect((await rejoin(endpoint, { ...recovery, seq: 3 }, { socket })).frames).toEqual([])
})

it('passes missed broadcasts to handleOut, and then live ones', async () => {
  const endpoint = keptEndpoint()
  const socket = filtered(10)
  const { recovery } = await rejoin(endpoint, null, { socket })
  for (let n = 1; n <= 5; n++) await endpoint.broadcast('log:a', n === 3 ? 'msg' : 'odd', { n })
  const client = await endpoint.connect(socket)
  client.send(JSON.stringify(['1', '1', 'log:a', 'phx_join', { _since: recovery }]))
  await endpoint.broadcast('log:a', 'msg', { n: 6 })
  const [, ...frames] = await settled(client)
  expect(frames).toEqual([
    '["1",null,"log:a","odd",{"n":1,"_seq":1}]',
    msg(3, 3),
    '["1",null,"log:a","odd",{"n":5,"_seq":5}]',
    msg(6, 6),
  ])
})

it('delivers a broadcast that a subscriber sends during a delivery in order (RECOVERY-2)', async () => {
  const endpoint = keptEndpoint()
  let isFirst = true
  endpoint.subscribe('log:a', () => {
    if (isFirst) void endpoint.broadcast('log:a', 'msg', { n: 2 })
    isFirst = false
  })
  const { client } = await rejoin(endpoint, null)
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  expect(client.take()).toEqual([msg(1, 1), msg(2, 2)])
})

it('sends the latest broadcasts without sequence numbers after each join that does not ask (RECOVERY-18)', async () => {
  const Room = roomWith({ onJoin: 2 })
  const channel = defineChannel(Room, {
    join: () => ({ ok: { hello: true } }),
    handleIn: { say: () => {}, say_from: () => {} },
  })
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(channel)
  const endpoint = new TestEndpoint({ histories: [Room] })
  for (let n = 1; n <= 3; n++) await endpoint.broadcast('log:a', 'msg', { n })
  const client = await endpoint.connect(socket)
  client.send('["1","1","log:a","phx_join",{}]')
  const [reply, ...frames] = await settled(client)
  await endpoint.broadcast('log:a', 'msg', { n: 4 })
  expect(reply).toContain('{"hello":true}')
  expect([...frames, ...client.take()]).toEqual([2, 3, 4].map((n) => `[null,null,"log:a","msg",{"n":${n}}]`))
})

it('limits the rate of missed bytes, and sends all of them later', async () => {
  const endpoint = keptEndpoint({ messageRate: 1_000, messageBurst: 1 })
  const { recovery } = await rejoin(endpoint, null)
  for (let n = 1; n <= 10; n++) await endpoint.broadcast('log:a', 'msg', { n })
  expect((await rejoin(endpoint, recovery)).frames).toHaveLength(10)
})

it('drops pushes of handleOut after its channel has ended, because the client gets them again (RECOVERY-8)', async () => {
  const endpoint = keptEndpoint()
  const socket = filtered(10)
  const { client, recovery } = await rejoin(endpoint, null, { socket })
  await endpoint.broadcast('log:a', 'odd', { n: 1 })
  // Joins again while the callback of the first channel is pending.
  client.send(JSON.stringify(['2', '2', 'log:a', 'phx_join', { _since: recovery }]))
  const frames = (await settled(client)).filter((frame) => frame.includes('"odd"'))
  expect(frames).toEqual(['["2",null,"log:a","odd",{"n":1,"_seq":1}]'])
})

it('ends channels that asked if sequence numbers are lost, and sends them no kept broadcast before (RECOVERY-11)', async () => {
  const endpoint = keptEndpoint()
  const { client } = await rejoin(endpoint, null)
  const other = await endpoint.connect(KeptSocket)
  other.ask('["1","1","log:a","phx_join",{}]')
  for (const channel of client.socket.channels) channel.catchUp?.stop()
  await endpoint.broadcast('log:a', 'msg', { n: 1 })
  await endpoint.broadcast('log:a', 'blink', { n: 2 })
  expect(client.take()).toEqual(['[null,null,"log:a","blink",{"n":2}]'])
  expect(other.take()).toHaveLength(2)
})

it('publishes once under a key, and rejects another payload under the same key (RECOVERY-13)', async () => {
  const endpoint = keptEndpoint()
  const { client } = await rejoin(endpoint, null)
  const publish = (n: number) => endpoint.publish(KeptRoom, 'log:a', 'msg', { n }, { key: 'ann:1' })
  expect(await publish(1)).toBe(true)
  expect(await publish(1)).toBe(true)
  await expect(publish(2)).rejects.toMatchObject({ code: 'PHX_ERR_KEY_REUSED' })
  await expect(endpoint.publish('log:a', 'msg', {}, { key: '' })).rejects.toMatchObject({
    code: 'PHX_ERR_OPTION',
  })
  expect(client.take()).toEqual([msg(1, 1)])
})

it('reads the history of a topic in pages (endpoint.history)', async () => {
  const endpoint = keptEndpoint()
  for (let n = 1; n <= 3; n++) await endpoint.broadcast('log:a', 'msg', { n })
  const page = await endpoint.history(KeptRoom, 'log:a', { last: 2 })
  const message = (n: number) => ({ seq: n, event: 'msg', payload: { n }, at: expect.any(Number) })
  expect(page).toEqual({ epoch: expect.any(String), head: 3, messages: [message(2), message(3)], before: 2 })
  expect(await endpoint.history(KeptRoom, 'log:a', { last: 2, before: 2 })).toMatchObject({
    messages: [message(1)],
    before: null,
  })
  expect(await endpoint.history(KeptRoom, 'log:a', { since: 1 })).toMatchObject({
    messages: [message(2), message(3)],
  })
  await expect(endpoint.history(KeptRoom, 'room:a', { last: 1 })).rejects.toMatchObject({
    code: 'PHX_ERR_OPTION',
  })
})

it('drops waiting broadcasts and marks if sequence numbers are lost: the client must not skip them (RECOVERY-11)', async () => {
  const endpoint = keptEndpoint()
  const { client } = await rejoin(endpoint, null, { socket: filtered(10) })
  for (let n = 1; n <= 8; n++) await endpoint.broadcast('log:a', n === 8 ? 'msg' : 'odd', { n })
  for (const channel of client.socket.channels) channel.catchUp?.stop()
  // Longer than handleOut takes for the waiting broadcasts.
  await delay(200)
  expect(await settled(client)).toEqual([])
})

it.each(['msg', 'out'])(
  'sends missed broadcasts in portions, also if handleOut handles them at once: %s (RECOVERY-15)',
  async (event) => {
    const Room = roomWith({ size: 1_000, maxBytes: 100_000 })
    const endpoint = new TestEndpoint({ histories: [Room] })
    const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(filteredChannel(Room))
    const { recovery } = await rejoin(endpoint, null, { socket })
    for (let n = 0; n < 500; n++) await endpoint.broadcast('log:a', event, { n })
    const client = await endpoint.connect(socket)
    client.send(JSON.stringify(['1', '1', 'log:a', 'phx_join', { _since: recovery }]))
    const portions: number[] = []
    for (let numbered = 0; numbered < 500; ) {
      const came = client.take().filter((frame) => String(frame).includes('"_seq"')).length
      portions.push(came)
      numbered += came
      await turn()
    }
    expect(Math.max(...portions)).toBeLessThanOrEqual(64)
  },
)

/** A client whose join of `log:a` is decided, but whose reply waits for the reply to an earlier join (ORDER-3). */
async function replyWaits({ since, onJoin = 0 }: { since?: null; onJoin?: number } = {}) {
  const engine = new BreakableEngine()
  const Room = roomWith({ onJoin })
  const endpoint = new TestEndpoint({ engine, histories: [Room] })
  const [earlier, handled] = [new Deferred<{ ok: object }>(), new Deferred()]
  const socket = defineSocket({ connect: () => ({ ok: {} }) })
    .channel(filteredChannel(Room, () => handled.promise))
    .channel(defineUntypedChannel('slow', { join: () => earlier.promise }))
  const say = async (event: string, ...numbers: number[]) => {
    for (const n of numbers) await endpoint.broadcast('log:a', event, { n })
  }
  const join = async () => {
    const client = await endpoint.connect(socket)
    const params = since === undefined ? {} : { _since: since }
    client.send('["1","1","slow","phx_join",{}]', JSON.stringify(['2', '2', 'log:a', 'phx_join', params]))
    return client
  }
  const release = () => earlier.resolve({ ok: {} })
  return { endpoint, engine, say, join, release, handle: () => handled.resolve() }
}

const live = (event: string, n: number) => `[null,null,"log:a","${event}",{"n":${n}}]`

it('sends an unkept broadcast after the reply to the join, if the history breaks before it (JOIN-3)', async () => {
  const { engine, say, join, release } = await replyWaits({ since: null })
  const client = await join()
  engine.break('log:a')
  await say('blink', 1)
  expect(client.take()).toEqual([])
  release()
  const [, reply, ...others] = await settled(client)
  expect(reply).toContain('"status":"ok"')
  expect(others).toEqual([live('blink', 1)])
})

it('sends each broadcast before the reply once, to a client that does not ask (RECOVERY-18)', async () => {
  const { say, join, release } = await replyWaits({ onJoin: 2 })
  await say('msg', 1, 2, 3)
  const client = await join()
  await say('msg', 4)
  await say('blink', 5)
  await say('msg', 6)
  release()
  expect((await settled(client)).slice(2)).toEqual([
    ...[2, 3, 4].map((n) => live('msg', n)),
    live('blink', 5),
    live('msg', 6),
  ])
})

it('does not end a client that does not ask if its latest broadcasts are gone before they are sent', async () => {
  const { say, join, release } = await replyWaits({ onJoin: 2 })
  await say('msg', 1, 2)
  const client = await join()
  // More than the history keeps.
  const numbers = Array.from({ length: 12 }, (_, index) => index + 3)
  await say('msg', ...numbers)
  release()
  expect((await settled(client)).slice(2)).toEqual(numbers.map((n) => live('msg', n)))
  await say('msg', 15)
  expect(await settled(client)).toEqual([live('msg', 15)])
})

/** A client that has 64 of the latest 100 broadcasts when 200 more are said, and the frames after the first 64. */
async function outrun(params: object) {
  const Room = roomWith({ onJoin: 100, size: 100 })
  const endpoint = new TestEndpoint({ histories: [Room] })
  const say = (from: number, to: number) => {
    for (let n = from; n <= to; n++) void endpoint.broadcast('log:a', 'msg', { n })
  }
  say(1, 100)
  const client = await endpoint.connect(
    defineSocket({ connect: () => ({ ok: {} }) }).channel(filteredChannel(Room)),
  )
  client.send(JSON.stringify(['1', '1', 'log:a', 'phx_join', params]))
  say(101, 300)
  const frames = (await settled(client)).slice(1 + 64)
  return { client, say, frames }
}

it('sends a client that does not ask what is said between two portions, although the history drops its rest', async () => {
  const { client, say, frames } = await outrun({})
  expect(frames).toEqual(Array.from({ length: 200 }, (_, index) => live('msg', index + 101)))
  say(301, 301)
  expect(await settled(client)).toEqual([live('msg', 301)])
})

it('ends the channel of a client that asks if the history drops what it still misses (RECOVERY-11)', async () => {
  const { client, say, frames } = await outrun({ _since: null, _last: 100 })
  expect(frames).toEqual(['["1","1","log:a","phx_error",{"reason":"channel_crash"}]'])
  say(301, 301)
  expect(await settled(client)).toEqual([])
})

it('sends broadcasts of a new epoch to a client that does not ask, while its handleOut is pending', async () => {
  const { endpoint, engine, say, join, release, handle } = await replyWaits({ onJoin: 1 })
  await say('msg', 1, 2, 3)
  const client = await join()
  await endpoint.broadcast('log:a', 'odd', { n: 5 }, { keep: false })
  release()
  await settled(client)
  for (const seq of [1, 2]) engine.deliver(Broadcast.fromJson('log:a', 'msg', `{"n":${seq}}`, { seq }))
  handle()
  expect(await settled(client)).toEqual(['["2",null,"log:a","odd",{"n":5}]', live('msg', 1), live('msg', 2)])
})
