import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { defineSocket, shutdown } from '../../server/index.ts'
import { Deferred } from '../helpers/deferred.ts'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { connectLongPoll } from '../helpers/poll-client.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { request, upgrade } from '../helpers/raw-http.ts'
import { serveChannel, serveSocket } from '../helpers/serve-channel.ts'

const UNAVAILABLE = { status: 503, headers: { 'retry-after': '1', connection: 'close' } }
/** In ms; whatever hangs takes five seconds at least. */
const SOON = 2_500
const HOLD = '["1","2","room:a","hold",{}]'

/** The milliseconds that a promise takes. */
async function timed(promise: Promise<unknown>): Promise<number> {
  const started = performance.now()
  await promise
  return performance.now() - started
}

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

  it('so are plain requests and polls', async () => {
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
    expect(await timed(closing)).toBeLessThan(SOON)
  })
})

describe('a server that stops', () => {
  it('tells a client nothing but 1012, be it in rooms or not (CLOSE-2)', async () => {
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
    const ends: [client: number, at: number][] = []
    clients.forEach(({ closed }, n) => void closed.then(() => ends.push([n, performance.now()])))
    expect(await timed(server.app.close())).toBeGreaterThan(290)
    await Promise.all(clients.map(({ closed }) => closed))
    const [first, second, third] = ends as [[number, number], [number, number], [number, number]]
    expect([first[0], second[0]].sort()).toEqual([0, 1])
    expect(third[1] - second[1]).toBeGreaterThan(150)
  })

  it('closes the rest at once when its time is up (DRAIN-3)', async () => {
    const drainer = { batchSize: 1, batchInterval: 100, shutdown: 250 }
    const server = await serveChannel({}, { drainer })
    const clients: RawClient[] = []
    while (clients.length < 20) clients.push((await server.join())[0])
    expect(await timed(server.app.close())).toBeLessThan(SOON)
    for (const client of clients) expect(await client.closed).toBe(1012)
  })

  it('waits for terminate, also where a handler or a join is still pending (DRAIN-4)', async () => {
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
    const ms = await timed(server.app.close())
    expect(ms).toBeGreaterThan(190)
    expect(ms).toBeLessThan(SOON)
  })

  it('cuts off a client that does not answer the close', async () => {
    const server = await serveChannel({})
    const [client, net] = await server.join()
    client.ws.pause()
    expect(await timed(server.app.close())).toBeLessThan(7_000)
    expect(net.destroyed).toBe(true)
  })

  it('refuses a client whose connect has not decided by then', async () => {
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
    expect(await timed(server.app.close())).toBeLessThan(SOON)
    expect(await answer).toMatchObject(UNAVAILABLE)
  })

  it('closes a client whose connect decides meanwhile, or refuses it', async () => {
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
    expect(server.app.endpoint.sockets.size).toBe(0)
  })

  it('answers the poll of a long-poll client to whom nothing was sent', async () => {
    const server = await serveChannel({}, { longpoll: true })
    const url = `${server.base}/socket/longpoll?vsn=2.0.0`
    const { token } = JSON.parse((await request(url)).body)
    const arrived = once(server.app.server, 'request')
    const polling = request(`${url}&token=${token}`)
    await arrived
    // Of two requests, the second is answered when the first is being held.
    await request(server.base)
    expect(await timed(server.app.close())).toBeLessThan(SOON)
    expect(JSON.parse((await polling).body)).toMatchObject({ messages: [], status: 204 })
  })

  it('ends the polls of long-poll clients, and gives them what was sent before', async () => {
    const server = await serveChannel({}, { longpoll: true })
    const poller = await connectLongPoll(server.base)
    await poller.send('["1","1","room:a","phx_join",{}]')
    await poller.next()
    const arrived = once(server.app.server, 'request')
    const polling = poller.next()
    await arrived
    // Of two requests, the second is answered when the first is being held.
    await request(server.base)
    void server.app.endpoint.broadcast('room:a', 'last', {})
    const closing = server.app.close()
    expect(await polling).toBe('[null,null,"room:a","last",{}]')
    expect(await timed(closing)).toBeLessThan(SOON)
  })
})

describe('the process of the app', () => {
  let scripts: Scripts
  beforeAll(async () => {
    scripts = await bundle({ 'app/main': 'server/app/main.ts', 'client/none': 'protocol/topic.ts' })
  })
  afterAll(() => scripts.remove())

  /** The app, and a client that has joined. */
  async function start() {
    const app = new OwnProcess(`${scripts.folder}/app/main.js`, { PORT: '0', HOST: '127.0.0.1' })
    const base = await app.line(/http:\/\/127\.0\.0\.1:\d+/)
    const url = `${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`
    const client = await connect(url)
    client.send('["1","1","room:lobby","phx_join",{}]')
    await client.next()
    return { app, url, client }
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'exits with 0 on %s, when its clients are closed',
    async (signal) => {
      const { app, client } = await start()
      app.child.kill(signal)
      expect(await client.closed).toBe(1012)
      expect(await app.exited).toEqual({ code: 0, signal: null })
    },
  )

  it('exits at once on a second signal', async () => {
    const { app, url, client } = await start()
    const silent = await connect(url)
    silent.ws.pause()
    app.child.kill('SIGTERM')
    expect(await client.closed).toBe(1012)
    app.child.kill('SIGTERM')
    expect(await timed(app.exited)).toBeLessThan(SOON)
    expect(await app.exited).toEqual({ code: 1, signal: null })
  })
})
