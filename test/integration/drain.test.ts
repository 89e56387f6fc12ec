import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { LocalEngine } from '../../server/engine/local-engine.ts'
import { defineSocket, shutdown } from '../../server/index.ts'
import { LocalAdapter } from '../../server/pubsub/local-adapter.ts'
import { timed } from '../helpers/clock.ts'
import { Deferred } from '../helpers/deferred.ts'
import { connectLongPoll } from '../helpers/poll-client.ts'
import { serve } from '../helpers/poll-server.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { request, upgrade } from '../helpers/raw-http.ts'
import { serveChannel, serveSocket } from '../helpers/serve-channel.ts'
import { until } from '../helpers/until.ts'

const UNAVAILABLE = { status: 503, headers: { 'retry-after': '1', connection: 'close' } }
/** In ms of the tests' clock: a close that hangs takes five seconds at least. */
const SOON = 2_500
const HOLD = '["1","2","room:a","hold",{}]'

describe('while the server drains', () => {
  /** A server that drains until `cleanup` is resolved, and a client that it has closed. */
  async function draining() {
    const cleanup = new Deferred()
    const server = await serveChannel({ terminate: () => cleanup.promise }, { longpoll: true })
    const [client] = await server.join()
    const drained = server.app.endpoint.drain()
    expect(await client.closed).toBe(1012)
    onTestFinished(async () => {
      cleanup.resolve()
      await drained
    })
    return { server, cleanup, drained }
  }

  it('upgrades are refused with 503 and a Retry-After (DRAIN-1)', async () => {
    const { server } = await draining()
    expect(await upgrade(`${server.base}/socket/websocket?vsn=2.0.0`)).toMatchObject(UNAVAILABLE)
  })

  it('plain requests and polls are refused in the same way', async () => {
    const { server } = await draining()
    for (const path of ['/', '/socket/websocket', '/socket/longpoll?vsn=2.0.0']) {
      expect(await request(server.base + path)).toMatchObject(UNAVAILABLE)
    }
  })

  it('the server closes while upgrades still arrive (DRAIN-1)', async () => {
    const { server, cleanup } = await draining()
    const closing = server.app.close()
    expect(await upgrade(`${server.base}/socket/websocket?vsn=2.0.0`)).toMatchObject(UNAVAILABLE)
    cleanup.resolve()
    expect((await timed(closing))[1]).toBeLessThan(SOON)
  })
})

describe("a server whose drain takes longer than Fastify's pluginTimeout", () => {
  it('waits for callbacks that are still running (DRAIN-4)', async () => {
    const cleanup = new Deferred()
    const server = await serveChannel({ terminate: () => cleanup.promise }, { pluginTimeout: 200 })
    let isClosed = false
    const [client] = await server.join()
    const closing = server.app.close().then(() => {
      isClosed = true
    })
    expect(await client.closed).toBe(1012)
    await delay(500)
    expect(isClosed).toBe(false)
    cleanup.resolve()
    await closing
  })

  it('closes all batches of connections with 1012 (DRAIN-2)', async () => {
    const drainer = { batchSize: 1, batchInterval: 150 }
    const server = await serveChannel({}, { drainer, pluginTimeout: 200 })
    const clients = [await server.join(), await server.join(), await server.join(), await server.join()]
    const started = performance.now()
    const closing = server.app.close()
    for (const [client] of clients) expect(await client.closed).toBe(1012)
    expect(performance.now() - started).toBeGreaterThan(400)
    await closing
  })
})

describe('a server whose engine cannot be stopped', () => {
  /** A server whose adapter stops in this way, and the messages of the errors that it logs. */
  async function serveStuck(stop: () => Promise<void>) {
    const adapter = Object.assign(new LocalAdapter(), { stop })
    const lines: string[] = []
    const served = await serve({
      plugin: { engine: new LocalEngine(adapter), secret: 'x'.repeat(32) },
      server: { logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } },
    })
    return { ...served, errors: () => lines.map((line) => JSON.parse(line).err.message) }
  }

  it('reports the error, closes, and answers pending upgrades and polls with 503 (DRAIN-5, LONGPOLL-10)', async () => {
    const { app, url, given, errors } = await serveStuck(() => Promise.reject(new Error('stuck')))
    const answers = Promise.all([
      upgrade(`${url.replace('longpoll', 'websocket')}?vsn=2.0.0&hang=1`),
      request(`${url}?vsn=2.0.0&hang=1`),
    ])
    await until(() => given.length === 2)
    await app.close()
    expect((await answers).map(({ status }) => status)).toEqual([503, 503])
    expect(errors()).toEqual([expect.stringContaining('stuck')])
  })

  it('answers pending upgrades with 503, reports it after 30 s, and closes, if the stop never ends (DRAIN-5)', async () => {
    const { app, url, given, errors } = await serveStuck(() => new Promise(() => {}))
    const answer = upgrade(`${url.replace('longpoll', 'websocket')}?vsn=2.0.0&hang=1`)
    await until(() => given.length === 1)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const closing = app.close()
    expect(await answer).toMatchObject({ status: 503 })
    await vi.advanceTimersByTimeAsync(30_000)
    vi.useRealTimers()
    await closing
    expect(errors()).toEqual(['not done within 30 s'])
  })
})

describe('a server that stops', () => {
  it('sends a client only the close code 1012, whether or not it has joined rooms (CLOSE-2)', async () => {
    const server = await serveChannel({ terminate: (_reason, socket) => socket.push('bye', {}) })
    const [joined] = await server.join()
    const [idle] = await server.connect()
    const closing = server.app.close()
    for (const client of [joined, idle]) await expect(client.next()).rejects.toThrow('closed with 1012')
    await closing
  })

  it('closes in batches (DRAIN-2)', async () => {
    const server = await serveChannel({}, { drainer: { batchSize: 2, batchInterval: 300 } })
    const clients: RawClient[] = []
    while (clients.length < 4) clients.push((await server.join())[0])
    const order: number[] = []
    clients.forEach(({ closed }, n) => void closed.then(() => order.push(n)))
    const began = performance.now()
    await server.app.close()
    expect(performance.now() - began).toBeGreaterThan(290)
    await Promise.all(clients.map(({ closed }) => closed))
    expect(order.slice(0, 2).sort()).toEqual([0, 1])
  })

  it('closes the remaining connections at once after the timeout (DRAIN-3)', async () => {
    const drainer = { batchSize: 1, batchInterval: 100, shutdown: 250 }
    const server = await serveChannel({}, { drainer })
    const clients: RawClient[] = []
    while (clients.length < 20) clients.push((await server.join())[0])
    expect((await timed(server.app.close()))[1]).toBeLessThan(SOON)
    for (const client of clients) expect(await client.closed).toBe(1012)
  })

  it('waits for terminate, even if a handler or a join is still pending (DRAIN-4)', async () => {
    const release = new Deferred()
    const ends: unknown[] = []
    const server = await serveChannel({
      join: async (_params, socket) => {
        if (socket.subtopic === 'slow') await release.promise
        return { ok: {} }
      },
      handleIn: { hold: () => release.promise },
      async terminate(reason, socket) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        ends.push([socket.subtopic, reason])
      },
    })
    const [client] = await server.join()
    client.send(HOLD, '["2","2","room:slow","phx_join",{}]', '["3","3","room:c","phx_join",{}]')
    await client.nothing()
    const closing = server.app.close()
    await client.closed
    release.resolve()
    await closing
    const why = shutdown('draining')
    expect(ends.sort()).toEqual([
      ['a', why],
      ['c', why],
      ['slow', why],
    ])
  })

  it('abandons a terminate that does not end in time (DRAIN-4)', async () => {
    const server = await serveChannel(
      { terminate: () => new Deferred().promise },
      { drainer: { shutdown: 200 } },
    )
    await server.join()
    const began = performance.now()
    const [, ms] = await timed(server.app.close())
    expect(performance.now() - began).toBeGreaterThan(190)
    expect(ms).toBeLessThan(SOON)
  })

  it('cuts off a client that does not answer the close', async () => {
    const server = await serveChannel({})
    const [client, net] = await server.join()
    client.ws.pause()
    expect((await timed(server.app.close()))[1]).toBeLessThan(7_000)
    expect(net.destroyed).toBe(true)
  })

  it('sends a client that reads slowly all that waits for it, and then the close code 1012', async () => {
    const server = await serveChannel({})
    const [client, net] = await server.join()
    client.tcp?.pause()
    const filler = 'x'.repeat(65_536)
    let sent = 0
    for (; sent < 1_000 && net.writableLength === 0; sent++) {
      await server.app.endpoint.broadcast('room:a', 'said', { filler })
      await new Promise(setImmediate)
    }
    const closing = server.app.close()
    await new Promise((resolve) => setTimeout(resolve, 100))
    client.tcp?.resume()
    for (let heard = 0; heard < sent; heard++) expect(String(await client.next())).toContain('"said"')
    expect(await client.closed).toBe(1012)
    await closing
  })

  it('refuses a client whose connect is still pending after the timeout', async () => {
    const asked = new Deferred()
    const server = await serveSocket(
      defineSocket({
        connect() {
          asked.resolve()
          return new Deferred<{ ok: object }>().promise
        },
      }),
    )
    const answer = upgrade(`${server.base}/socket/websocket?vsn=2.0.0`)
    await asked.promise
    expect((await timed(server.app.close()))[1]).toBeLessThan(SOON)
    expect(await answer).toMatchObject(UNAVAILABLE)
  })

  it('closes or refuses a client whose connect settles during the drain', async () => {
    const decision = new Deferred<{ ok: object }>()
    const asked = new Deferred()
    const server = await serveSocket(
      defineSocket({
        connect() {
          asked.resolve()
          return decision.promise
        },
      }),
    )
    const connecting = connect(`${server.base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
    await asked.promise
    await server.app.endpoint.drain()
    decision.resolve({ ok: {} })
    expect(await (await connecting).closed).toBe(1012)
    expect(serverOf(server.app.endpoint).sockets.size).toBe(0)
  })

  it('answers a waiting long-poll client that has no messages', async () => {
    const server = await serveChannel({}, { longpoll: true })
    const url = `${server.base}/socket/longpoll?vsn=2.0.0`
    const { token } = JSON.parse((await request(url)).body)
    const arrived = once(server.app.server, 'request')
    const polling = request(`${url}&token=${token}`)
    await arrived
    // The server answers the second of two requests when it begins to hold the first.
    await request(server.base)
    expect((await timed(server.app.close()))[1]).toBeLessThan(SOON)
    expect(JSON.parse((await polling).body)).toMatchObject({ messages: [], status: 204 })
  })

  it('ends the polls of long-poll clients, after it has sent them their messages', async () => {
    const server = await serveChannel({}, { longpoll: true })
    const poller = await connectLongPoll(server.base)
    await poller.send('["1","1","room:a","phx_join",{}]')
    await poller.next()
    const arrived = once(server.app.server, 'request')
    const polling = poller.next()
    await arrived
    // The server answers the second of two requests when it begins to hold the first.
    await request(server.base)
    void server.app.endpoint.broadcast('room:a', 'last', {})
    const closing = server.app.close()
    expect(await polling).toBe('[null,null,"room:a","last",{}]')
    expect((await timed(closing))[1]).toBeLessThan(SOON)
  })
})
