import { createClient } from 'redis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Client, copyOf } from '../../../server/redis/client.ts'
import { Line } from '../../../server/redis/line.ts'
import { probe } from '../../../server/redis/probe.ts'
import { Deferred } from '../../helpers/deferred.ts'
import { freePort, startRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

/** A line to a server, and what its owner was told. */
function lineTo(url: string, open?: () => Promise<Client>) {
  const template = createClient({ url })
  const told: string[] = []
  const line = new Line({
    open: open ?? (() => copyOf(template)),
    verify: probe,
    up: () => void told.push('up'),
    down: (error) => void told.push(`down: ${error.message}`),
  })
  onTestFinished(() => line.close())
  return { line, told, template }
}

test('connects, and again when the connection breaks', async () => {
  const server = await startRedis()
  const { line, told } = lineTo(server.url)
  expect([line.client, line.isHopeful]).toEqual([null, true])
  line.start()
  await until(() => told.length === 1)
  const first = line.client
  await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until(() => told.length === 3)
  expect(told).toEqual(['up', 'down: Socket closed unexpectedly', 'up'])
  expect(line.client).not.toBe(first)
  expect(line.isHopeful).toBe(true)
})

test('tells of each attempt that failed, and hopes for nothing until one succeeds', async () => {
  const { line, told } = lineTo(`redis://127.0.0.1:${await freePort()}`)
  line.start()
  await until(() => told.length === 3)
  expect(new Set(told.map((text) => text.replace(/\d+$/, 'port')))).toEqual(
    new Set(['down: connect ECONNREFUSED 127.0.0.1:port']),
  )
  expect([line.client, line.isHopeful]).toEqual([null, false])
})

test('gives up a server that does not answer the handshake in 5 s', async () => {
  const server = await startRedis()
  const { line, told } = lineTo(server.url)
  server.pause()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  line.start()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(told).toEqual(['down: Redis did not answer within 5000 ms'])
})

test('gives up a server that leaves pings unanswered for 10 s', async () => {
  const server = await startRedis()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { line, told } = lineTo(server.url)
  line.start()
  await until(() => told.length === 1)
  for (let n = 0; n < 5; n++) {
    vi.advanceTimersByTime(5_000)
    await line.client?.sendCommand(['PING'])
  }
  expect(told).toEqual(['up'])
  server.pause()
  vi.advanceTimersByTime(10_000)
  expect(told).toEqual(['up'])
  vi.advanceTimersByTime(5_000)
  expect(told).toEqual(['up', 'down: Redis was silent for 10000 ms'])
})

test('an error in answer to a ping is a sign of life', async () => {
  const server = await startRedis()
  await server.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '+hello', '+client')
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { line, told } = lineTo(server.url.replace('//', '//app:secret@'))
  line.start()
  await until(() => told.length === 1)
  for (let n = 0; n < 5; n++) {
    vi.advanceTimersByTime(5_000)
    await expect(line.client?.sendCommand(['GET', 'k'])).rejects.toThrow('NOPERM')
  }
  expect(told).toEqual(['up'])
})

test('a client that is closed by another hand is replaced', async () => {
  const server = await startRedis()
  const { line, told } = lineTo(server.url)
  line.start()
  await until(() => told.length === 1)
  line.client?.destroy()
  await until(() => told.length === 3)
  expect(told).toEqual(['up', 'down: the connection was closed', 'up'])
})

test('does not connect once it is closed, though the server is still being looked up', async () => {
  const server = await startRedis()
  const found = new Deferred<Client>()
  const { line, told, template } = lineTo(server.url, () => found.promise)
  line.start()
  await line.close()
  const client = copyOf(template)
  found.resolve(client)
  await found.promise
  await Promise.resolve()
  expect([client.isOpen, told]).toEqual([false, []])
})

test('close does not wait for an attempt', async () => {
  const server = await startRedis()
  const { line, told } = lineTo(server.url)
  server.pause()
  line.start()
  await line.close(60_000)
  expect([line.client, told]).toEqual([null, []])
})
