import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../../server/endpoint/endpoint.ts'
import { BurstQueue, steadySlice } from '../../../server/limits/burst-queue.ts'
import { CloseQueue } from '../../../server/transport/close-queue.ts'
import { crowd } from '../../helpers/crowd.ts'
import { serveChannel } from '../../helpers/serve-channel.ts'
import { until } from '../../helpers/until.ts'

const admission = () => new BurstQueue({ maxWaiting: Infinity, maxWait: Infinity, nextSlice: steadySlice })

/** Both ends of a connection that may be ended one way; the server's is read. */
async function line(): Promise<[client: Socket, server: Socket]> {
  const server = createServer({ allowHalfOpen: true })
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [net] = (await once(server, 'connection')) as [Socket]
  onTestFinished(() => {
    client.destroy()
    net.destroy()
  })
  return [client, net.resume()]
}

test('if a client ends its connection, the queue ends it, and not ws', async () => {
  const [client, net] = await line()
  let calls = 0
  net.on('end', function socketOnEnd() {
    calls += 1
  })
  new CloseQueue(admission()).add(net)
  client.end()
  await once(net, 'close')
  expect(calls).toBe(0)
})

test('in a burst, connections are ended in turn (LIMIT-4)', async () => {
  const [client, net] = await line()
  const own = admission()
  net.on('end', function socketOnEnd() {})
  new CloseQueue(own).add(net)
  // First, so that the crowd is there before it.
  net.prependListener('end', () => crowd(own))
  client.end()
  await once(net, 'end')
  expect([net.destroyed, own.waiting]).toEqual([false, 2])
  await once(net, 'close')
  expect(own.waiting).toBe(0)
})

test('bytes on their way to the client still arrive', async () => {
  const [client, net] = await line()
  net.on('end', function socketOnEnd() {})
  new CloseQueue(admission()).add(net)
  const bytes = Buffer.alloc(20_000_000, 'x')
  net.write(bytes)
  client.end()
  await once(net, 'end')
  expect(net.writableLength).toBeGreaterThan(0)
  expect((await buffer(client)).length).toBe(bytes.length)
})

test('an unknown listener is not removed', async () => {
  const [client, net] = await line()
  net.on('end', function another() {
    net.end('bye')
  })
  new CloseQueue(admission()).add(net)
  client.end()
  expect(String(await buffer(client))).toBe('bye')
})

test('the listener of ws has the expected name on every WebSocket', async () => {
  const server = await serveChannel({})
  const [client, net] = await server.join()
  expect(net.listeners('end').map(({ name }) => name)).toEqual(expect.arrayContaining(['onEnd']))
  expect(net.listeners('end').map(({ name }) => name)).not.toContain('socketOnEnd')
  client.ws.terminate()
  await until(() => serverOf(server.app.endpoint).sockets.size === 0)
})
