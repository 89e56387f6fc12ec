import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { defineSocket, type PhoenixOptions, phoenix } from '../../../server/index.ts'
import { telemetry } from '../../../server/telemetry/telemetry.ts'
import { Deferred, turn } from '../../helpers/deferred.ts'
import { listenTo } from '../../helpers/telemetry.ts'
import { until } from '../../helpers/until.ts'

/** A server with a slow route, a route that streams without end, and one that answers at once. */
async function serve(limits: PhoenixOptions['limits'] = {}) {
  const app = fastify()
  const socket = defineSocket({ connect: () => ({ ok: {} }) })
  await app.register(phoenix, { sockets: { '/socket': socket }, limits })
  const [asked, streams, answer] = [{ count: 0 }, new Set<Readable>(), new Deferred<string>()]
  app.get('/now', () => 'now')
  app.get('/slow', () => {
    asked.count += 1
    return answer.promise
  })
  app.get('/stream', (_request, reply) => {
    const stream = new Readable({ read() {} })
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    stream.push('a')
    return reply.send(stream)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return { app, asked, streams, answer, open: () => connect(port, '127.0.0.1') }
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

test('a connection with more unanswered requests than the limit is closed', async () => {
  const { app, asked, open } = await serve()
  const reached = listenTo(telemetry.limitReached)
  const client = open().on('error', () => {})
  client.write(get('/slow').repeat(1_000))
  await new Promise((resolve) => client.once('close', resolve))
  expect(asked.count).toBe(100)
  expect(reached).toEqual([{ endpoint: app.endpoint, limit: 'maxPipelinedRequests' }])
})

test('requests that offer another protocol count, too', async () => {
  const { asked, open } = await serve({ maxPipelinedRequests: 3 })
  const client = open().on('error', () => {})
  client.write(get('/slow', 'Upgrade: h2c\r\n').repeat(10))
  await new Promise((resolve) => client.once('close', resolve))
  expect(asked.count).toBe(3)
})

test('a connection may send any number of requests if it reads the answers', async () => {
  const { open } = await serve({ maxPipelinedRequests: 2 })
  const client = open()
  let answers = ''
  client.setEncoding('latin1').on('data', (data) => {
    answers += data
  })
  onTestFinished(() => void client.destroy())
  for (let n = 1; n <= 5; n += 1) {
    client.write(get('/now').repeat(2))
    await until(() => answers.split('\r\n\r\nnow').length === 2 * n + 1)
  }
  expect(client.destroyed).toBe(false)
})

test('when a connection breaks, the streams of all its responses are closed, not only the first', async () => {
  const { streams, open } = await serve()
  const client = open().on('error', () => {})
  client.write(get('/stream').repeat(50))
  await until(() => streams.size === 50)
  client.destroy()
  await until(() => streams.size === 0)
})

test('when a connection breaks, a response behind an answered request emits `close` once', async () => {
  const { app, streams, open } = await serve()
  let closes = 0
  app.server.on('request', (_request, response: ServerResponse) => {
    response.on('close', () => {
      closes += 1
    })
  })
  const client = open().on('error', () => {})
  client.write(get('/now'))
  await once(client, 'data')
  client.write(get('/stream'))
  await until(() => streams.size === 1)
  const before = closes
  client.destroy()
  await until(() => streams.size === 0)
  await turn()
  expect(closes - before).toBe(1)
})

test('after the limit was exceeded, nothing is left open either', async () => {
  const { streams, open } = await serve()
  const client = open().on('error', () => {})
  client.write(get('/stream').repeat(1_000))
  await new Promise((resolve) => client.once('close', resolve))
  await until(() => streams.size === 0)
})
