import { setTimeout as delay } from 'node:timers/promises'
import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { defineChannel, defineContract, defineSocket } from '../../server/index.ts'
import { turn } from '../../server/testing/turns.ts'
import { connectLongPoll } from '../helpers/poll-client.ts'
import { connect } from '../helpers/raw-client.ts'
import { serveSocket } from '../helpers/serve-channel.ts'
import { type ConnectClient, connectWebSocket } from '../helpers/test-client.ts'
import { until } from '../helpers/until.ts'

const KiB = 1_024
const MiB = 1_048_576
const SIZE = 300

const Log = defineContract({
  topic: 'log:*',
  outgoing: { msg: Type.Object({ n: Type.Integer(), pad: Type.String() }) },
  history: { events: ['msg'], size: SIZE, maxBytes: 16 * MiB },
})
const LogSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(
  defineChannel(Log, { join: () => ({ ok: {} }) }),
)

async function serveLog() {
  const { app, base } = await serveSocket(LogSocket, { longpoll: true, limits: { messageBurst: 100_000 } })
  const { endpoint } = app
  const say = async (count: number, pad = '', topic = 'log:a') => {
    for (let n = 1; n <= count; n++) await endpoint.broadcast(Log, topic, 'msg', { n, pad })
    return (await endpoint.history(Log, topic, { last: 1 }))?.epoch ?? ''
  }
  return { endpoint, base, say }
}

/** A client that reads only when it is asked for the next frame. */
const connectPaused: ConnectClient = async (base) => {
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  client.ws.pause()
  return {
    send: async (...frames) => client.send(...frames),
    next: async () => {
      client.ws.resume()
      const frame = await client.next()
      client.ws.pause()
      return frame
    },
    nothing: () => client.nothing(),
    gone: async () => void (await client.closed),
  }
}

it.each([
  ['a WebSocket', connectPaused],
  ['long-poll', connectLongPoll],
])(
  'sends 5 MB to a slow reader over %s in portions that stay below its limit (RECOVERY-15)',
  async (_, open) => {
    const messages = 180
    const { endpoint, base, say } = await serveLog()
    const epoch = await say(messages, 'x'.repeat(30 * KiB))
    const client = await open(base)
    const [{ transport } = { transport: { bufferedAmount: 0 } }] = serverOf(endpoint).sockets
    await client.send(`["1","1","log:a","phx_join",{"_since":{"epoch":"${epoch}","seq":0}}]`)
    await until(() => transport.bufferedAmount > 64 * KiB)
    // The client reads nothing for several times as long as the server waits before it looks again.
    await delay(200)
    expect(transport.bufferedAmount).toBeLessThan((64 + 2 * 31) * KiB)

    const heard: number[] = []
    let most = 0
    await client.next()
    while (heard.length < messages) {
      for (let count = 0; count < 10; count++) await turn()
      most = Math.max(most, transport.bufferedAmount)
      heard.push(JSON.parse(String(await client.next()))[4].n)
    }
    expect(most).toBeLessThan((64 + 2 * 31) * KiB)
    expect(heard).toEqual(Array.from({ length: messages }, (_value, index) => index + 1))
  },
)

/** Join params in which E is the topic's epoch, O that of another topic, I the id of another client. */
const FORGED = [
  '{"_since":null}',
  '{"_since":true}',
  '{"_since":0}',
  '{"_since":""}',
  '{"_since":"E"}',
  '{"_since":[]}',
  '{"_since":["E",1]}',
  '{"_since":[{"epoch":"E","seq":1}]}',
  '{"_since":{}}',
  '{"_since":{"seq":1}}',
  '{"_since":{"epoch":"E"}}',
  '{"_since":{"epoch":E,"seq":1}}',
  '{"_since":{"epoch":["E"],"seq":1}}',
  '{"_since":{"epoch":{"E":"E"},"seq":1}}',
  '{"_since":{"epoch":"","seq":1}}',
  '{"_since":{"epoch":"0E","seq":1}}',
  '{"_since":{"epoch":"E ","seq":1}}',
  '{"_since":{"epoch":"E1","seq":1}}',
  '{"_since":{"epoch":"-E","seq":1}}',
  '{"_since":{"epoch":"9999999999999999999","seq":1}}',
  '{"_since":{"epoch":"O","seq":1,"id":"I"}}',
  '{"_since":{"epoch":"E","seq":null}}',
  '{"_since":{"epoch":"E","seq":"1"}}',
  '{"_since":{"epoch":"E","seq":[1]}}',
  '{"_since":{"epoch":"E","seq":true}}',
  '{"_since":{"epoch":"E","seq":-1}}',
  '{"_since":{"epoch":"E","seq":1.5}}',
  '{"_since":{"epoch":"E","seq":4}}',
  '{"_since":{"epoch":"E","seq":9007199254740991}}',
  '{"_since":{"epoch":"E","seq":9007199254740993}}',
  '{"_since":{"epoch":"E","seq":1e308}}',
  '{"_since":{"epoch":"E","seq":-1e308}}',
  '{"_since":{"__proto__":{"epoch":"E","seq":1}}}',
  '{"_since":{"constructor":{"epoch":"E","seq":1},"epoch":null,"seq":1}}',
  '{"_since":null,"_last":-1}',
  '{"_since":null,"_last":1.5}',
  '{"_since":null,"_last":"3"}',
  '{"_since":null,"_last":[3]}',
  '{"_since":null,"_last":1e308}',
]

it.each([
  ['WebSocket', '2.0.0', connectWebSocket],
  ['WebSocket', '1.0.0', connectWebSocket],
  ['long-poll', '2.0.0', connectLongPoll],
  ['long-poll', '1.0.0', connectLongPoll],
])('takes a forged cursor for none, over %s in version %s (RECOVERY-3, 4 and 7)', async (_, vsn, open) => {
  const { endpoint, base, say } = await serveLog()
  const epoch = await say(3)
  const other = await say(3, '', 'log:b')
  /** Join with these params: the `_recovery` of the reply, and the numbers that follow it up to a live one. */
  const join = async (params: string, live: number) => {
    const client = await open(base, `vsn=${vsn}`)
    const v2 = `["1","1","log:a","phx_join",${params}]`
    const v1 = `{"topic":"log:a","event":"phx_join","payload":${params},"ref":"1"}`
    await client.send(vsn === '2.0.0' ? v2 : v1)
    const next = async () => {
      const frame = JSON.parse(String(await client.next()))
      return vsn === '2.0.0' ? frame[4] : frame.payload
    }
    const { _recovery: recovery } = (await next()).response
    await endpoint.broadcast(Log, 'log:a', 'msg', { n: live, pad: '' }, { keep: false })
    const heard: number[] = []
    while (heard.at(-1) !== live) heard.push((await next()).n)
    return { recovery, heard }
  }
  const { recovery: own } = await join('{"_since":null}', 100)
  const answers: unknown[] = []
  for (const [index, text] of FORGED.entries()) {
    const params = text.replaceAll('E', epoch).replaceAll('O', other).replaceAll('I', 'x'.repeat(17))
    const { recovery, heard } = await join(params, 200 + index)
    answers.push([
      text,
      { ...recovery, id: recovery.id === own.id || !/^[\w-]{16}$/.test(recovery.id) },
      heard,
    ])
  }
  expect(answers).toEqual(
    FORGED.map((text, index) => [
      text,
      { epoch, seq: 3, head: 3, id: false, recovered: false },
      [200 + index],
    ]),
  )
  // An honest one goes on meanwhile.
  const honest = await join(`{"_since":{"epoch":"${epoch}","seq":1,"id":"${own.id}"}}`, 500)
  expect(honest).toEqual({ recovery: { ...own, seq: 1, recovered: true }, heard: [2, 3, 500] })
})
