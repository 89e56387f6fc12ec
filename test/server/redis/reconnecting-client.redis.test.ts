import { createClient } from 'redis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Client, copyOf } from '../../../server/redis/client.ts'
import { probe } from '../../../server/redis/probe.ts'
import { ReconnectingClient } from '../../../server/redis/reconnecting-client.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { freePort, startRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

/** A connection to a server, and the events that its owner was told. */
function connectionTo(url: string, open?: () => Promise<Client>) {
  const template = createClient({ url })
  const told: string[] = []
  const connection = new ReconnectingClient({
    open: open ?? (() => copyOf(template)),
    verify: probe,
    up: () => void told.push('up'),
    down: (error) => void told.push(`down: ${error.message}`),
  })
  onTestFinished(() => connection.close())
  return { connection, told, template }
}

test('connects, and reconnects when the connection breaks', async () => {
  const server = await startRedis()
  const { connection, told } = connectionTo(server.url)
  expect([connection.client, connection.canConnect]).toEqual([null, true])
  connection.start()
  await until(() => told.length === 1)
  const first = connection.client
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until(() => told.length === 3)
  expect(told).toEqual(['up', 'down: Socket closed unexpectedly', 'up'])
  expect(connection.client).not.toBe(first)
  expect(connection.canConnect).toBe(true)
})

test('reports each failed attempt; canConnect is false until one succeeds', async () => {
  const { connection, told } = connectionTo(`redis://127.0.0.1:${await freePort()}`)
  connection.start()
  await until(() => told.length === 3)
  expect(new Set(told.map((text) => text.replace(/\d+$/, 'port')))).toEqual(
    new Set(['down: connect ECONNREFUSED 127.0.0.1:port']),
  )
  expect([connection.client, connection.canConnect]).toEqual([null, false])
})

test('gives up a server that does not answer the handshake in 5 s', async () => {
  const server = await startRedis()
  const { connection, told } = connectionTo(server.url)
  server.pause()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  connection.start()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(told).toEqual(['down: Redis did not answer within 5000 ms'])
})

test('gives up a server that leaves pings unanswered for 10 s', async () => {
  const server = await startRedis()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { connection, told } = connectionTo(server.url)
  connection.start()
  await until(() => told.length === 1)
  for (let n = 0; n < 5; n++) {
    vi.advanceTimersByTime(5_000)
    await connection.client?.sendCommand(['PING'])
  }
  expect(told).toEqual(['up'])
  server.pause()
  vi.advanceTimersByTime(10_000)
  expect(told).toEqual(['up'])
  vi.advanceTimersByTime(5_000)
  expect(told).toEqual(['up', 'down: Redis was silent for 10000 ms'])
})

test('an error reply to a ping counts as an answer', async () => {
  const server = await startRedis()
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '+hello', '+client')
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { connection, told } = connectionTo(server.url.replace('//', '//app:secret@'))
  connection.start()
  await until(() => told.length === 1)
  for (let n = 0; n < 5; n++) {
    vi.advanceTimersByTime(5_000)
    await expect(connection.client?.sendCommand(['GET', 'k'])).rejects.toThrow('NOPERM')
  }
  expect(told).toEqual(['up'])
})

test('a client that other code closed is replaced', async () => {
  const server = await startRedis()
  const { connection, told } = connectionTo(server.url)
  connection.start()
  await until(() => told.length === 1)
  connection.client?.destroy()
  await until(() => told.length === 3)
  expect(told).toEqual(['up', 'down: the connection was closed', 'up'])
})

test('does not connect when it is closed during the lookup of the server', async () => {
  const server = await startRedis()
  const found = new Deferred<Client>()
  const { connection, told, template } = connectionTo(server.url, () => found.promise)
  connection.start()
  await connection.close()
  const client = copyOf(template)
  found.resolve(client)
  await found.promise
  await Promise.resolve()
  expect([client.isOpen, told]).toEqual([false, []])
})

test('close does not wait for an attempt', async () => {
  const server = await startRedis()
  const { connection, told } = connectionTo(server.url)
  server.pause()
  connection.start()
  await connection.close(60_000)
  expect([connection.client, told]).toEqual([null, []])
})
