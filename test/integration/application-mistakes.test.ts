// Mistakes of the application around channels, over the network: the process lives, and so do other clients.

import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { defineSocket, defineUntypedChannel, type MountOptions, phoenix } from '../../server/index.ts'
import type { SocketOptions } from '../../server/socket/define-socket.ts'
import { telemetry } from '../../server/telemetry/telemetry.ts'
import { turn } from '../helpers/deferred.ts'
import { mistakes, revokedProxy, unreadableError } from '../helpers/mistakes.ts'
import { connectLongPoll } from '../helpers/poll-client.ts'
import { connect } from '../helpers/raw-client.ts'
import { request, upgrade as upgradeTo } from '../helpers/raw-http.ts'
import { connectWebSocket } from '../helpers/test-client.ts'

type AnyOptions = SocketOptions<never, Record<never, never>>
const JOIN = '["1","1","room:a","phx_join",{}]'
const JOINED = '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'

/** A server with a log, and what it has been told of. */
async function serve(given: Partial<AnyOptions> = {}, mount: Partial<MountOptions> = {}, id?: () => never) {
  const lines: string[] = []
  const app = fastify({ logger: { level: 'info', stream: { write: (line) => void lines.push(line) } } })
  onTestFinished(() => app.close())
  const room = defineUntypedChannel<object>('room:*', { join: () => ({ ok: {} }) })
  const plain = defineSocket<never, Record<never, never>>({ connect: () => ({ ok: {} }), ...given })
  const socket = (id === undefined ? plain : plain.id(id)).channel(room)
  await app.register(phoenix, {
    sockets: {
      '/socket': { socket, longpoll: true, ...mount },
      '/other': plain.id(() => null).channel(room),
    },
    limits: { joinRate: 1, joinBurst: 1 },
  })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const upgrade = (headers: Record<string, string> = {}) =>
    upgradeTo(`${base}/socket/websocket?vsn=2.0.0`, headers)
  return { app, base, lines, upgrade }
}

test.each(mistakes)(
  'a connect that %s gets 500 over WebSocket and long-poll (CONNECT-4)',
  async (_, mistake) => {
    const { base, lines, upgrade } = await serve({ connect: mistake })
    expect(await upgrade()).toMatchObject({ status: 500, body: '' })
    expect(await request(`${base}/socket/longpoll?vsn=2.0.0`)).toMatchObject({ status: 500, body: '' })
    expect(lines.filter((line) => line.includes('connect failed'))).toHaveLength(2)
  },
)

test.each(mistakes)('an id that %s refuses its client (CONNECT-4)', async (_, mistake) => {
  const { upgrade } = await serve({}, {}, mistake)
  const { status, body } = await upgrade()
  expect([[403, 500].includes(status), body]).toEqual([true, ''])
  await turn()
})

test.each(mistakes)('a checkOrigin that %s refuses all clients (ORIGIN-4)', async (_, mistake) => {
  const { base, upgrade } = await serve({}, { checkOrigin: mistake })
  const origin = 'http://127.0.0.1'
  const overWebSocket = await upgrade({ origin })
  const { status, body } = await request(`${base}/socket/longpoll?vsn=2.0.0`, { headers: { origin } })
  expect([[403, 500].includes(overWebSocket.status), overWebSocket.body]).toEqual([true, ''])
  expect([status, body]).toEqual(status === 500 ? [500, ''] : [200, '{"status":403}'])
  await turn()
})

test.each([
  ...mistakes,
  ['returns an invalid status', () => ({ status: 99 }) as never],
  ['returns a close code that must not be sent', () => ({ close: 1006 }) as never],
  ['returns a reason that is too long', () => ({ close: 4001, reason: 'x'.repeat(124) }) as never],
  ['returns a header with a line feed', () => ({ status: 401, headers: { a: 'b\nc' } }) as never],
  ['returns a body that is not text', () => ({ status: 401, body: {} }) as never],
  ['returns nothing', () => undefined as never],
])('a refuse that %s results in a plain 403 (CONNECT-5)', async (_, refuse) => {
  const { lines, upgrade } = await serve({ connect: () => ({ error: revokedProxy() }) }, { refuse })
  expect(await upgrade()).toMatchObject({ status: 403, body: '' })
  expect(lines.filter((line) => line.includes('refuse failed'))).toHaveLength(1)
})

test('a reason that cannot be logged still refuses its client (CONNECT-3)', async () => {
  const { lines, upgrade } = await serve({ connect: () => ({ error: unreadableError() }) })
  expect(await upgrade()).toMatchObject({ status: 403, body: '' })
  expect(lines.filter((line) => line.includes('connection refused'))).toHaveLength(1)
})

test("a listener's runInContext for a connect may throw (TELEMETRY-3)", async () => {
  const listen = (operation: { runInContext: unknown }): void => {
    operation.runInContext = mistakes[5]?.[1]
  }
  const { upgrade } = await serve()
  telemetry.socketConnecting.subscribe(listen)
  onTestFinished(() => telemetry.socketConnecting.unsubscribe(listen))
  expect(await upgrade()).toMatchObject({ status: 500, body: '' })
})

test.each([
  ['WebSocket', connectWebSocket],
  ['long-poll', connectLongPoll],
])('a failure that nothing else catches ends only its %s connection (CLOSE-6)', async (_, connectClient) => {
  const { app, base, lines } = await serve()
  const client = await connectClient(base)
  const [broken] = serverOf(app.endpoint).sockets
  const other = await connect(`${base.replace('http', 'ws')}/other/websocket?vsn=2.0.0`)
  // The serializer has no callback of the application around it.
  Object.defineProperty(broken, 'serializer', { value: { ...broken?.serializer, encode: mistakes[5]?.[1] } })
  await client.send('[null,"1","phoenix","heartbeat",{}]')
  await client.gone()
  expect(lines.filter((line) => line.includes('socket: receive failed'))).toHaveLength(1)
  other.send(JOIN)
  expect(await other.next()).toBe(JOINED)
})

test('the close code is 1011 (CLOSE-6)', async () => {
  const { app, base } = await serve()
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  const [broken] = serverOf(app.endpoint).sockets
  Object.defineProperty(broken, 'serializer', { value: { ...broken?.serializer, encode: mistakes[5]?.[1] } })
  client.send('[null,"1","phoenix","heartbeat",{}]')
  expect(await client.closed).toBe(1011)
})

test('a too early join whose topic has its own toString is simply refused (LIMIT-2)', async () => {
  const { base } = await serve()
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  client.send(JOIN, '[null,"2",{"toString":1},"phx_join",{}]')
  expect(await client.next()).toBe(JOINED)
  expect(await client.next()).toContain('"reason":"rate_limited"')
  await client.nothing()
})
