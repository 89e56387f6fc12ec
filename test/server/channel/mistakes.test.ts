// Values of the application that misbehave, in every callback of a channel of server/channel/channel.ts.
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { defineUntypedChannel } from '../../../server/channel/define-channel.ts'
import { defineSocket } from '../../../server/socket/define-socket.ts'
import { TestEndpoint } from '../../helpers/build-endpoint.ts'
import { turn } from '../../helpers/deferred.ts'
import { mistakes, thenable } from '../../helpers/mistakes.ts'
import { CLOSED, CRASHED, type Definition, JOIN, JOINED } from '../../helpers/one-channel.ts'

const BEAT = '[null,"9","phoenix","heartbeat",{}]'
const BEATEN = '[null,"9","phoenix","phx_reply",{"response":{},"status":"ok"}]'
const ASK = '["1","2","room:a","q",{}]'
const LEAVE = '["1","3","room:a","phx_leave",{}]'
const LEFT = '["1","3","room:a","phx_reply",{"response":{},"status":"ok"}]'
const JOIN_CRASHED = '["1","1","room:a","phx_reply",{"response":{"reason":"join crashed"},"status":"error"}]'

/** A client of a channel, what it is sent, and the lines that its endpoint's logger has written. */
async function serve(definition: Definition & { authorize?: () => never; assigns?: () => never }) {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const endpoint = new TestEndpoint({ logger })
  const channel = defineUntypedChannel<object, unknown>('room:*', {
    join: () => ({ ok: {} }),
    ...definition,
  })
  const client = await endpoint.connect(defineSocket({ connect: () => ({ ok: {} }) }).channel(channel))
  const ask = async (...frames: string[]) => {
    client.send(...frames)
    await turn()
    return client.take()
  }
  return { endpoint, client, lines, ask }
}

test.each(mistakes)('a join that %s crashes, and the connection continues (JOIN-2)', async (_, mistake) => {
  const { endpoint, lines, ask } = await serve({ join: mistake })
  expect(await ask(JOIN)).toEqual([JOIN_CRASHED])
  expect([endpoint.errors.length, lines.length]).toEqual([1, 1])
  expect(await ask(BEAT)).toEqual([BEATEN])
})

test.each(mistakes)('an authorize that %s crashes the join (AUTH-6)', async (_, authorize) => {
  const { endpoint, ask } = await serve({ authorize })
  const frames = await ask(JOIN)
  // A revoked proxy is an answer, and not the answer true.
  const isAnswer = frames.every((frame) => String(frame).includes('unauthorized'))
  expect(isAnswer || endpoint.errors.length === 1).toBe(true)
  expect(await ask(BEAT)).toEqual([BEATEN])
})

test.each(mistakes)('a handler that %s crashes only its channel, once (END-2)', async (_, mistake) => {
  const { endpoint, lines, ask } = await serve({ handleIn: { q: mistake } })
  await ask(JOIN)
  expect(await ask(ASK)).toEqual([CRASHED])
  expect([endpoint.errors.length, lines.length]).toEqual([1, 1])
  expect(await ask(BEAT)).toEqual([BEATEN])
})

test.each(mistakes)('a handleInfo that %s crashes only its channel, once (END-2)', async (_, mistake) => {
  const { endpoint, ask } = await serve({
    handleIn: { q: (_payload, socket) => socket.sendInfo('later') },
    handleInfo: { later: mistake },
  })
  await ask(JOIN)
  expect(await ask(ASK)).toEqual([CRASHED])
  expect(endpoint.errors.length).toBe(1)
})

test.each(mistakes)('a handleOut that %s crashes only its channel, once (END-2)', async (_, mistake) => {
  const { endpoint, ask } = await serve({ handleOut: { e: mistake } })
  await ask(JOIN)
  void endpoint.broadcast('room:a', 'e', {})
  expect(await ask()).toEqual([CRASHED])
  expect(endpoint.errors.length).toBe(1)
})

test.each(mistakes)('the leave is answered even if terminate %s (END-4)', async (_, mistake) => {
  const { endpoint, ask } = await serve({ terminate: mistake })
  await ask(JOIN)
  expect(await ask(LEAVE)).toEqual([LEFT, CLOSED])
  expect(endpoint.errors.length).toBe(1)
  expect(await ask(JOIN)).toEqual([JOINED])
})

test('assigns that cannot be copied crash the join (JOIN-2)', async () => {
  const endpoint = new TestEndpoint()
  const user = Object.defineProperty({}, 'name', { enumerable: true, get: () => mistakes[6]?.[1]() })
  const channel = defineUntypedChannel<object>('room:*', { join: () => ({ ok: {} }) })
  const socket = defineSocket({ connect: () => ({ ok: user }) }).channel(channel, {
    assigns: { admin: true },
  })
  const client = await endpoint.connect(socket)
  expect(client.ask(JOIN)).toEqual([JOIN_CRASHED])
  expect(client.ask(BEAT)).toEqual([BEATEN])
})

test.each([
  ['resolves twice', thenable((ok) => [ok({ ok: { n: 1 } }), ok({ ok: { n: 2 } })])],
  ['resolves and rejects', thenable((ok, no) => [ok({ ok: { n: 1 } }), no(new Error('x'))])],
])('a promise that %s is answered once (REPLY-1)', async (_, promise) => {
  const { endpoint, ask } = await serve({ handleIn: { q: () => promise } })
  await ask(JOIN)
  expect(await ask(ASK)).toEqual(['["1","2","room:a","phx_reply",{"response":{"n":1},"status":"ok"}]'])
  expect(endpoint.errors).toEqual([])
})

test('an end listener that throws does not affect other listeners (END-3)', async () => {
  const heard: string[] = []
  const { endpoint, ask } = await serve({
    join(_params, socket) {
      socket.onEnd({ ended: mistakes[5]?.[1] as never })
      socket.onEnd({ ended: () => void heard.push('ended') })
      return { ok: {} }
    },
  })
  await ask(JOIN)
  expect(await ask(LEAVE)).toEqual([LEFT, CLOSED])
  expect([heard, endpoint.errors.length]).toEqual([['ended'], 1])
})
