import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import fastify from 'fastify'
import { Type } from 'typebox'
import { expect, onTestFinished, test } from 'vitest'
import { defineChannel, defineContract, defineSocket, phoenix } from '../../../server/index.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { tracing } from '../../../server/tracing/index.ts'
import { registerOpenTelemetry } from '../../helpers/open-telemetry.ts'
import { connect } from '../../helpers/raw-client.ts'
import { request, upgrade } from '../../helpers/raw-http.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const headers = { traceparent: `00-${TRACE}-${PARENT}-01` }
const boom = new Error('boom')

const Room = defineContract({
  topic: 'room:*',
  params: Type.Object({ n: Type.Optional(Type.Integer()) }),
  incoming: { act: { payload: Type.Unknown(), reply: Type.Unknown() }, crash: { payload: Type.Unknown() } },
})

/** The names of the spans in which the application's callbacks found themselves. */
const found: (string | undefined)[] = []

function note(): void {
  const span = trace.getActiveSpan()
  found.push(span === undefined ? undefined : (span as unknown as ReadableSpan).name)
}

const RoomChannel = defineChannel(Room, {
  async join(_params, socket) {
    await Promise.resolve()
    note()
    return socket.subtopic === 'full' ? { error: { reason: 'full' } } : { ok: {} }
  },
  handleIn: {
    act() {
      note()
      return { ok: {} }
    },
    async crash() {
      await Promise.resolve()
      throw boom
    },
  },
})

const UserSocket = defineSocket({
  async connect({ mood }) {
    await Promise.resolve()
    note()
    if (mood === 'crash') throw boom
    return mood === 'bad' ? { error: 'grumpy' } : { ok: {} }
  },
}).channel(RoomChannel)

async function serve() {
  const exporter = registerOpenTelemetry()
  found.length = 0
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, longpoll: true } } })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const stop = tracing(app.endpoint)
  onTestFinished(stop)
  const url = `${base.replace('http', 'ws')}/socket/websocket`
  const spans = () =>
    exporter.getFinishedSpans().map((span) => ({
      name: span.name,
      kind: span.kind,
      attributes: span.attributes,
      status: span.status.code,
      events: span.events.map((event) => event.attributes?.['exception.message']),
      parent: span.parentSpanContext?.spanId,
      trace: span.spanContext().traceId,
    }))
  return { app, base, url, spans, stop }
}

test("a handshake, a join and a message are spans of the handshake's trace", async () => {
  const { url, spans } = await serve()
  const client = await connect(`${url}?vsn=2.0.0`, { headers })
  client.send('["1","1","room:a","phx_join",{}]', '["1","2","room:a","act",{}]')
  for (let n = 0; n < 2; n++) await client.next()
  const common = {
    kind: SpanKind.SERVER,
    status: SpanStatusCode.UNSET,
    events: [],
    trace: TRACE,
    parent: PARENT,
  }
  const result = { 'phoenix.result': 'ok' }
  const pattern = { 'phoenix.topic_pattern': 'room:*' }
  expect(spans()).toEqual([
    {
      ...common,
      name: 'connect /socket',
      attributes: { 'url.path': '/socket', 'phoenix.transport': 'websocket', ...result },
    },
    { ...common, name: 'join room:*', attributes: { ...pattern, ...result } },
    { ...common, name: 'act room:*', attributes: { ...pattern, 'phoenix.event': 'act', ...result } },
  ])
  expect(found).toEqual(['connect /socket', 'join room:*', 'act room:*'])
})

test('a handshake over long-poll is a span, too', async () => {
  const { base, spans } = await serve()
  await request(`${base}/socket/longpoll?vsn=2.0.0`, { headers })
  expect(spans()).toMatchObject([
    { name: 'connect /socket', attributes: { 'phoenix.transport': 'longpoll' }, parent: PARENT },
  ])
})

test('without a parent each span starts its own trace', async () => {
  const { url, spans } = await serve()
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send('["1","1","room:a","phx_join",{}]')
  await client.next()
  expect(spans().map(({ parent }) => parent)).toEqual([undefined, undefined])
  expect(new Set(spans().map((span) => span.trace)).size).toBe(2)
})

test('refusals have their step or result, and are not recorded as errors', async () => {
  const { url, spans } = await serve()
  await upgrade(`${url}?vsn=2.0.0&mood=bad`)
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send(
    '["1","1","room:full","phx_join",{}]',
    '["2","2","room:a","phx_join",{"n":"x"}]',
    '["3","3","nowhere","phx_join",{}]',
  )
  for (let n = 0; n < 3; n++) await client.next()
  const error = { 'phoenix.result': 'error' }
  expect(spans()).toMatchObject([
    {
      name: 'connect /socket',
      status: SpanStatusCode.UNSET,
      attributes: { 'phoenix.refused': 'connect', ...error },
    },
    { name: 'connect /socket' },
    { name: 'join room:*', status: SpanStatusCode.UNSET, attributes: error },
    { name: 'join unmatched topic', attributes: error },
    { name: 'join room:*', attributes: error },
  ])
})

test('a thrown value is recorded as an error', async () => {
  const { url, spans } = await serve()
  await upgrade(`${url}?vsn=2.0.0&mood=crash`)
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send('["1","1","room:a","phx_join",{}]', '["1","2","room:a","crash",{}]')
  for (let n = 0; n < 2; n++) await client.next()
  const crash = { status: SpanStatusCode.ERROR, events: ['boom'], attributes: { 'phoenix.result': 'crash' } }
  expect(spans()).toMatchObject([
    { name: 'connect /socket', ...crash },
    { name: 'connect /socket' },
    { name: 'join room:*' },
    { name: 'crash room:*', ...crash },
  ])
})

test('an unknown event does not become a span name', async () => {
  const { url, spans } = await serve()
  const client = await connect(`${url}?vsn=2.0.0`)
  client.send('["1","1","room:a","phx_join",{}]', '["1","2","room:a","invented",{}]')
  for (let n = 0; n < 2; n++) await client.next()
  expect(spans()[2]).toMatchObject({
    name: 'unmatched event room:*',
    attributes: { 'phoenix.result': 'error' },
  })
  expect(JSON.stringify(spans())).not.toContain('invented')
})

test('a socket that connected before the start of tracing is traced afterwards', async () => {
  const { app, url, spans, stop } = await serve()
  stop()
  const client = await connect(`${url}?vsn=2.0.0`, { headers })
  onTestFinished(tracing(app.endpoint))
  client.send('["1","1","room:a","phx_join",{}]')
  await client.next()
  expect(spans()).toMatchObject([{ name: 'join room:*', parent: undefined }])
})

test('traces its own endpoint only, until it is stopped', async () => {
  const [one, other] = [await serve(), await serve()]
  one.stop()
  await connect(`${one.url}?vsn=2.0.0`)
  expect([...one.spans(), ...other.spans()]).toEqual([])
  other.stop()
  const channels = [telemetry.socketConnecting, telemetry.channelJoined, telemetry.channelHandlingIn]
  expect(channels.map((channel) => channel.hasSubscribers)).toEqual([false, false, false])
})
