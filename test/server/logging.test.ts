import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, defineUntypedChannel, phoenix } from '../../server/index.ts'
import { connect } from '../helpers/raw-client.ts'

/** A server at this level, what a client that joins `room:a` and `room:no` has it write. */
async function linesAt(level: string, log?: 'debug' | false) {
  const lines: string[] = []
  const app = fastify({ logger: { level, stream: { write: (line: string) => void lines.push(line) } } })
  onTestFinished(() => app.close())
  const room = defineUntypedChannel('room:*', {
    join: (_params, socket) => (socket.subtopic === 'a' ? { ok: {} } : { error: { reason: 'no' } }),
  })
  const options = log === undefined ? {} : { log }
  const socket = defineSocket({ connect: () => ({ ok: {} }), ...options })
    .id(() => 'user:1')
    .channel(room)
  await app.register(phoenix, { sockets: { '/socket': socket } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const client = await connect(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0&token=hidden`)
  for (const topic of ['room:a', 'room:no']) {
    client.send(`["1","1","${topic}","phx_join",{"password":"hidden"}]`)
    await client.next()
  }
  return lines.map((line) => JSON.parse(line)).filter(({ msg }) => /^(socket|channel|join) /.test(msg))
}

test('a connect and each join are a line, with id, topic and duration, and without secrets', async () => {
  const [connected, joined, refused] = await linesAt('info')
  expect(connected).toMatchObject({
    msg: 'socket connected',
    socketId: 'user:1',
    path: '/socket',
    transport: 'websocket',
    params: { vsn: '2.0.0', token: '[FILTERED]' },
    durationMs: expect.any(Number),
  })
  expect(joined).toMatchObject({
    msg: 'channel joined',
    socketId: 'user:1',
    topic: 'room:a',
    params: { password: '[FILTERED]' },
    durationMs: expect.any(Number),
  })
  expect(refused).toMatchObject({ msg: 'join refused', topic: 'room:no', reason: expect.anything() })
})

test('a logger that is not so loud is told nothing', async () => {
  expect(await linesAt('warn')).toEqual([])
})

test('a socket chooses how loud its connects are', async () => {
  expect((await linesAt('info', false)).map(({ msg }) => msg)).toEqual(['channel joined', 'join refused'])
  expect((await linesAt('info', 'debug')).map(({ msg }) => msg)).toEqual(['channel joined', 'join refused'])
})
