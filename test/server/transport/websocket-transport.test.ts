import { once } from 'node:events'
import type { Socket as NetSocket } from 'node:net'
import { Duplex } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { Frame } from '../../../protocol/index.ts'
import { Outbox } from '../../../server/transport/outbox.ts'
import { type WebSocketLimits, WebSocketTransport } from '../../../server/transport/websocket-transport.ts'
import { turn } from '../../helpers/deferred.ts'
import { limits as defaults, Handler, line } from '../../helpers/transport-line.ts'
import { until } from '../../helpers/until.ts'

const text = (data: string) => new Frame('text', data)
const bytes = (...data: number[]) => new Frame('binary', new Uint8Array(data))

test('passes on text as a string and binary messages as bytes', async () => {
  const { client, handler } = await line()
  client.send('hé', new Uint8Array([1, 2]), '')
  await until(() => handler.received.length === 3)
  expect(handler.received).toEqual([
    ['hé', 'text'],
    [Buffer.from([1, 2]), 'binary'],
    ['', 'text'],
  ])
})

test('sends text and bytes in order, and all frames of a turn in one write', async () => {
  const { client, transport, net } = await line()
  const write = vi.spyOn(net, 'write')
  for (const frame of [text('a'), bytes(1, 2), text('é')]) transport.send(frame)
  expect(write).not.toHaveBeenCalled()
  expect(transport.bufferedAmount).toBe(3 + 4 + 4)
  expect([await client.next(), await client.next(), await client.next()]).toEqual([
    'a',
    Buffer.from([1, 2]),
    'é',
  ])
  expect(write).toHaveBeenCalledTimes(1)
})

test('sends the frames of each turn, even if a frame is repeated', async () => {
  const { client, transport } = await line()
  const frame = text('again')
  for (let n = 0; n < 3; n++) {
    transport.send(frame)
    transport.send(frame)
    await turn()
  }
  for (let n = 0; n < 6; n++) expect(await client.next()).toBe('again')
})

test.each([125, 126, 65_535, 65_536, 300_000])('a frame of %i bytes arrives completely', async (size) => {
  const { client, transport } = await line()
  transport.send(text('x'.repeat(size)))
  transport.send(text('after'))
  expect(await client.next()).toHaveLength(size)
  expect(await client.next()).toBe('after')
})

test('frames sent before a close arrive before it, later ones do not', async () => {
  const { client, transport, handler } = await line()
  transport.send(text('last'))
  transport.close(1012)
  transport.send(text('too late'))
  transport.close(1001)
  expect(await client.next()).toBe('last')
  expect(await client.closed).toBe(1012)
  await until(() => handler.ends.length > 0)
  expect(handler.ends).toEqual(['closed'])
})

test('after 1008 nothing is read but what fits the buffer, even if the socket resumes (LIMIT-3)', async () => {
  const { client, transport, net, handler } = await line()
  // The client does not read, so it does not answer the close.
  client.ws.pause()
  transport.pause()
  transport.close(1008)
  transport.resume()
  const before = net.bytesRead
  const payload = Buffer.alloc(65_535, 'x')
  const frame = Buffer.concat([Buffer.from([0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0]), payload])
  for (let n = 0; n < 40; n++) client.tcp?.write(frame)
  await once(net, 'close')
  expect(net.bytesRead - before).toBeLessThanOrEqual(2 * 65_536)
  expect(handler.received).toEqual([])
})

test("nothing is sent after the close that answers the client's", async () => {
  const { client, transport, ws } = await line()
  client.ws.close(1000)
  await once(ws, 'close')
  transport.send(text('too late'))
  await turn()
  expect(await client.closed).toBe(1000)
  await expect(client.next()).rejects.toThrow('closed with 1000')
})

test('passes on nothing that arrives after its own close', async () => {
  const { client, transport, handler } = await line()
  transport.close(1011)
  client.ws.send('hello')
  await client.closed
  expect(handler.received).toEqual([])
})

test('counts pings and pongs, and passes on only these counts', async () => {
  const { client, handler } = await line()
  client.ws.ping()
  client.ws.pong()
  await until(() => handler.pings === 2)
  expect(handler.received).toEqual([])
})

test('reads nothing after a close with 1008, and cuts the client off (LIMIT-3)', async () => {
  const { client, transport, handler, net } = await line()
  transport.close(1008)
  expect(net.isPaused()).toBe(true)
  const before = net.bytesRead
  client.ws.pong()
  for (let n = 0; n < 50; n += 1) client.send('x'.repeat(100_000))
  expect(await client.closed).toBe(1008)
  expect([handler.received, handler.pings]).toEqual([[], 0])
  // Node takes one chunk from the kernel before it notices that the stream is paused.
  expect(net.bytesRead - before).toBeLessThan(200_000)
})

test('if a client vanishes, the handler gets a close', async () => {
  const { client, handler } = await line()
  client.ws.terminate()
  await until(() => handler.ends.length > 0)
  expect(handler.ends).toEqual(['closed'])
})

test('reads nothing while it is paused', async () => {
  const { client, transport, handler, net } = await line()
  transport.pause()
  client.send('later')
  await until(() => client.tcp?.writableLength === 0)
  await turn()
  expect([handler.received, net.isPaused()]).toEqual([[], true])
  transport.resume()
  await until(() => handler.received.length === 1)
})

test('nothing is written after the answer to a close frame (RFC 6455, section 5.5.1)', async () => {
  const { client, transport, handler, net } = await line()
  handler.receive = () => transport.send(text('late'))
  const written: Buffer[] = []
  client.tcp?.on('data', (bytes) => void written.push(bytes))
  const [message, close] = ['81810000000078', '88820000000003e8']
  client.tcp?.write(Buffer.from(message + close, 'hex'))
  expect(await client.closed).toBe(1000)
  expect(Buffer.concat(written).toString('hex')).toBe('880203e8')
  expect(net.errored).toBeNull()
})

test('a silent client is closed with 1002 after the timeout; bytes of any kind reset it', async () => {
  const { client, transport, handler } = await line({ timeout: 1_000 })
  const start = performance.now()
  transport.sweep(start + 900, 0)
  client.ws.ping()
  await once(client.ws, 'pong')
  transport.sweep(start + 1_100, 0)
  transport.sweep(start + 2_000, 0)
  expect(handler.ends).toEqual([])
  transport.sweep(start + 2_200, 0)
  expect(handler.ends).toEqual(['closed'])
  expect(await client.closed).toBe(1002)
})

test('a client that the server does not read does not count as silent', async () => {
  const { transport, handler } = await line({ timeout: 1_000 })
  transport.pause()
  transport.sweep(performance.now() + 5_000, 0)
  expect(handler.ends).toEqual([])
})

test('a client that reads too slowly is closed, and its waiting frames are dropped', async () => {
  const { client, transport, handler } = await line({ maxBufferedBytes: 100_000 })
  client.tcp?.pause()
  const frame = text('x'.repeat(50_000))
  for (let n = 0; n < 400 && handler.ends.length === 0; n++) {
    transport.send(frame)
    await turn()
  }
  expect(handler.ends).toEqual(['closed'])
  client.tcp?.resume()
  expect([1013, 1006]).toContain(await client.closed)
})

/** A transport over a network that takes a write when the test says so. */
async function heldLine(given: Partial<WebSocketLimits>) {
  const { ws } = await line()
  const taken: (() => void)[] = []
  const network = new Duplex({ read() {}, write: (_chunk, _encoding, done) => void taken.push(done) })
  const outbox = new Outbox()
  // The transport uses only members of a TCP socket that every stream has.
  const transport = new WebSocketTransport(ws, network as NetSocket, outbox, { ...defaults, ...given })
  const handler = new Handler()
  transport.attach(handler)
  const send = (...sizes: number[]): void => {
    for (const size of sizes) transport.send(text('x'.repeat(size)))
    outbox.flush()
  }
  return { network, taken, handler, send }
}

test('a client that keeps up with a queue that is never empty does not count as slow', async () => {
  const { network, taken, handler, send } = await heldLine({ maxBufferedFrames: 10 })
  for (let sent = 0; sent < 100; sent += 1) {
    send(100)
    if (sent >= 5) taken.shift()?.()
    expect(network.writableLength).toBeGreaterThan(0)
  }
  expect(handler.ends).toEqual([])
  for (let sent = 0; sent < 6; sent += 1) send(100)
  expect(handler.ends).toEqual(['closed'])
})

test.each([
  { what: 'first', sizes: [9_000_000], further: 9 },
  { what: 'behind others', sizes: [900, 9_000_000], further: 8 },
  { what: 'before others in one turn', sizes: [9_000_000, 900], further: 8 },
])(
  'a frame larger than the limit does not count, frames that wait with it do: $what (CLOSE-3)',
  async (row) => {
    const { handler, send } = await heldLine({ maxBufferedBytes: 10_000 })
    send(...row.sizes)
    for (let n = 0; n < row.further; n += 1) send(1_000)
    expect(handler.ends).toEqual([])
    for (let n = 0; n < 2; n += 1) send(1_000)
    expect(handler.ends).toEqual(['closed'])
  },
)

test('frames that were sent do not count while a large frame waits (CLOSE-3)', async () => {
  const { taken, handler, send } = await heldLine({ maxBufferedFrames: 10 })
  // The queue never runs empty.
  send(100, 100)
  for (let sent = 0; sent < 100; sent += 1) {
    send(100)
    taken.shift()?.()
  }
  send(9_000_000)
  for (let sent = 0; sent < 7; sent += 1) send(100)
  expect(handler.ends).toEqual([])
  for (let sent = 0; sent < 3; sent += 1) send(100)
  expect(handler.ends).toEqual(['closed'])
})

test('of two frames larger than the limit the second counts, until the first is sent (CLOSE-3)', async () => {
  const { taken, handler, send } = await heldLine({ maxBufferedBytes: 10_000 })
  send(20_000)
  taken.shift()?.()
  send(20_000)
  expect(handler.ends).toEqual([])
  send(20_000)
  expect(handler.ends).toEqual(['closed'])
})

test('with slowConsumer drop, frames are dropped and the connection stays open', async () => {
  const { client, transport, handler } = await line({ maxBufferedBytes: 100_000, slowConsumer: 'drop' })
  client.tcp?.pause()
  for (let n = 0; n < 400; n++) {
    transport.send(text(`${n}`.padEnd(50_000)))
    await turn()
  }
  client.tcp?.resume()
  await until(() => transport.bufferedAmount === 0)
  transport.send(text('last'))
  let received = 0
  while ((await client.next()) !== 'last') received++
  expect(received).toBeLessThan(400)
  expect(handler.ends).toEqual([])
})

test('with slowConsumer drop, the connection is closed if its client depends on the frame (RECOVERY-15)', async () => {
  const { client, transport, handler } = await line({ maxBufferedBytes: 100_000, slowConsumer: 'drop' })
  client.tcp?.pause()
  for (let n = 0; n < 400; n++) {
    transport.send(text(`${n}`.padEnd(50_000)))
    await turn()
  }
  expect(handler.ends).toEqual([])
  const frame = text('kept'.padEnd(50_000))
  frame.mustArrive = true
  transport.send(frame)
  expect(handler.ends).toEqual(['closed'])
})

test('with compression negotiated, frames go through ws, in order', async () => {
  const { client, transport } = await line(
    {},
    { server: { perMessageDeflate: { threshold: 10 } }, client: { perMessageDeflate: true } },
  )
  expect(client.ws.extensions).toContain('permessage-deflate')
  transport.send(text('x'.repeat(1_000)))
  transport.send(bytes(1, 2))
  transport.send(text('b'))
  expect([await client.next(), await client.next(), await client.next()]).toEqual([
    'x'.repeat(1_000),
    Buffer.from([1, 2]),
    'b',
  ])
})
