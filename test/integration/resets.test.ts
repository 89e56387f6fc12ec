import { once } from 'node:events'
import { connect, type Socket as NetSocket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { defineSocket, defineUntypedChannel } from '../../server/index.ts'
import { serveSocket } from '../helpers/serve-channel.ts'
import { until } from '../helpers/until.ts'

const CONNECTIONS = 400
/** Milliseconds after its first byte at which a connection ends at the latest; covers a handshake and a join. */
const LATEST_END = 15

const HANDSHAKE = [
  'GET /socket/websocket?vsn=2.0.0 HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
// A text frame of 32 bytes and an empty close frame, both with an empty mask.
const JOIN = Buffer.concat([
  Buffer.from('81a000000000', 'hex'),
  Buffer.from('["1","1","room:a","phx_join",{}]'),
])
const CLOSE = Buffer.from('888000000000', 'hex')

const ends: readonly ((socket: NetSocket) => void)[] = [
  (socket) => void socket.resetAndDestroy(),
  (socket) => void socket.destroy(),
  (socket) => void socket.end(),
  (socket) => void socket.end(CLOSE),
]

it('connections that end at any point of their handshake or join leave no state behind', async () => {
  let asked = 0
  const slowly = async <T>(value: T): Promise<T> => {
    asked += 1
    return delay(asked % 8, value)
  }
  const room = defineUntypedChannel('room:*', { join: () => slowly({ ok: {} }) })
  const target = defineSocket({
    connect: () => slowly(asked % 5 === 0 ? { error: 'refused' } : { ok: {} }),
  })
    .id(() => 'everybody')
    .channel(room)
  const server = await serveSocket(target)
  const { endpoint, server: http } = server.app
  const port = Number(new URL(server.base).port)
  let connections = 0
  http.on('connection', (socket) => {
    connections += 1
    socket.on('close', () => {
      connections -= 1
    })
  })
  const visit = async (n: number): Promise<void> => {
    const socket = connect(port, '127.0.0.1').resume()
    socket.on('error', () => {})
    socket.write(n % 3 === 0 ? Buffer.concat([Buffer.from(HANDSHAKE), JOIN]) : HANDSHAKE)
    await delay(n % LATEST_END)
    ends[n % ends.length]?.(socket)
    if (!socket.closed) await once(socket, 'close')
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, (_value, n) => visit(n)))
  await until(() => connections === 0 && serverOf(endpoint).sockets.size === 0)
  expect([...serverOf(endpoint).pubsub.topics('')]).toEqual([])
  expect(asked).toBeGreaterThan(CONNECTIONS / 20)
})
