import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import type { WebSocketOptions } from '../../server/index.ts'
import { Deferred } from '../helpers/deferred.ts'
import { heldBytes } from '../helpers/memory.ts'
import { request } from '../helpers/raw-http.ts'
import { serveChannel } from '../helpers/serve-channel.ts'
import { until } from '../helpers/until.ts'

const HOLD = '["1","2","room:a","hold",{}]'
const KiB = 1_024
const MiB = 1_048_576

function note(n: number, filler = ''): string {
  return `["1",null,"room:a","note",{"n":${n},"filler":"${filler}"}]`
}

function counted(count: number): number[] {
  return Array.from({ length: count }, (_value, n) => n)
}

/** A server whose handler of `hold` is pending until `release` is resolved, and the notes that it has taken. */
async function serveHeld(options: Parameters<typeof serveChannel>[1] = {}) {
  const release = new Deferred()
  const notes: number[] = []
  const server = await serveChannel(
    {
      handleIn: {
        hold: () => release.promise,
        note: (payload) => void notes.push((payload as { n: number }).n),
      },
    },
    options,
  )
  return { server, release, notes }
}

describe('a channel whose handler is pending', () => {
  it('queues 256 messages, and the server stops reading at the next', async () => {
    const { server, release, notes } = await serveHeld()
    const [client, net] = await server.join()
    client.send(HOLD, ...counted(256).map((n) => note(n)))
    await client.nothing()
    expect(net.isPaused()).toBe(false)
    client.send(note(256))
    await until(() => net.isPaused())
    release.resolve()
    await client.nothing()
    expect(net.isPaused()).toBe(false)
    expect(notes).toEqual(counted(257))
  })

  it('does not count heartbeats among them, and answers each heartbeat', async () => {
    const { server, notes } = await serveHeld()
    const [client, net] = await server.join()
    client.send(HOLD, ...counted(256).map((n) => note(n)))
    for (let beat = 0; beat < 1_000; beat += 1) client.send(`[null,"${beat}","phoenix","heartbeat",{}]`)
    for (let beat = 0; beat < 1_000; beat += 1) {
      expect(await client.next()).toBe(`[null,"${beat}","phoenix","phx_reply",{"response":{},"status":"ok"}]`)
    }
    expect(net.isPaused()).toBe(false)
    expect(notes).toEqual([])
  })

  it('stops a flood at 1 MiB; other clients do not notice, and all sent messages are handled in order', async () => {
    const { server, release, notes } = await serveHeld({ limits: { messageBurst: 50_000 } })
    const [client, net] = await server.join()
    const [other] = await server.join()
    const before = heldBytes()
    const filler = 'x'.repeat(32 * KiB)
    client.send(HOLD)
    for (let n = 0; n < 1_000; n += 1) client.send(note(n, filler))
    await until(() => net.isPaused())
    // A paused stream still fills its own buffer.
    await other.nothing()
    const read = net.bytesRead
    await other.nothing()
    expect(net.bytesRead).toBe(read)
    expect(read).toBeLessThan(2 * MiB)
    // The client of the test holds what it could not send.
    expect(heldBytes() - before - client.ws.bufferedAmount).toBeLessThan(8 * MiB)
    release.resolve()
    await until(() => notes.length === 1_000)
    expect(notes).toEqual(counted(1_000))
  })

  it('does not make its connection count as idle', async () => {
    const { server, release, notes } = await serveHeld({
      websocket: { timeout: 200 },
      limits: { maxQueuedMessages: 1, sweepInterval: 20 },
    })
    const [client, net] = await server.join()
    client.send(HOLD, note(0), note(1))
    await until(() => net.isPaused())
    for (let idle = 0; idle < 2; idle += 1) expect(await (await server.connect())[0].closed).toBe(1002)
    client.send(note(2))
    release.resolve()
    await client.nothing()
    expect(notes).toEqual([0, 1, 2])
  })

  it('holds the POSTs of a long-poll client until there is room', async () => {
    const { server, release, notes } = await serveHeld({ longpoll: true, limits: { maxQueuedMessages: 2 } })
    const url = `${server.base}/socket/longpoll?vsn=2.0.0`
    const { token } = JSON.parse((await request(url)).body)
    const post = (...frames: string[]) =>
      request(`${url}&token=${token}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: frames.join('\n'),
      })
    const answers: string[] = []
    await post('["1","1","room:a","phx_join",{}]')
    const first = post(HOLD, note(0), note(1), note(2)).then(({ body }) => answers.push(body))
    await server.join()
    const second = post(note(3)).then(({ body }) => answers.push(body))
    await server.join()
    expect(answers).toEqual([])
    release.resolve()
    await Promise.all([first, second])
    expect(answers).toEqual(['{"status":200}', '{"status":200}'])
    expect(notes).toEqual([0, 1, 2, 3])
  })

  it('does not delay a close by the server, even if the join is pending', async () => {
    const join = () => new Deferred<{ ok: object }>().promise
    const server = await serveChannel({ join }, { limits: { maxQueuedMessages: 1 } })
    const [client, net] = await server.connect()
    client.send('["1","1","room:a","phx_join",{}]', note(0), note(1))
    await until(() => net.isPaused())
    await server.app.close()
    expect(await client.closed).toBe(1012)
  })
})

/** The number in a broadcast `said`. */
function numberOf(frame: string | Buffer): number {
  const [, n] = /"n":(\d+)/.exec(String(frame)) ?? []
  return Number(n)
}

/** A server, and two that have joined: one that has stopped reading, and one that reads. */
async function serveSlow(websocket: WebSocketOptions, options?: { perMessageDeflate: boolean }) {
  const server = await serveChannel({}, { websocket })
  const [slow, net] = await server.join(options)
  const [reader] = await server.join(options)
  slow.ws.pause()
  const { endpoint } = server.app
  /** Broadcast the numbers up to `count`, each when the reader has the one before; stop when the slow one is cut. */
  const say = async (filler: string, count: number): Promise<number> => {
    for (let n = 0; n < count; n += 1) {
      void endpoint.broadcast('room:a', 'said', { n, filler })
      expect(numberOf(await reader.next())).toBe(n)
      if (serverOf(endpoint).sockets.size === 1) return n + 1
    }
    return count
  }
  return { server, endpoint, slow, net, reader, say }
}

describe('a client that stops reading', () => {
  it('costs at most its limit of memory, and is cut off; other clients lose nothing', async () => {
    const { net, say, server } = await serveSlow({})
    const before = heldBytes()
    const filler = 'x'.repeat(64 * KiB)
    const said = await say(filler, 1_000)
    expect(said).toBeLessThan(1_000)
    expect(net.writableLength).toBeLessThanOrEqual(MiB + 65 * KiB)
    expect(heldBytes() - before).toBeLessThan(4 * MiB)
    await once(net, 'close')
    expect(await say(filler, 100)).toBe(1)
    expect(heldBytes() - before).toBeLessThan(MiB)
    await server.app.close()
  })

  it('gets the close code 1013 if it reads again in time', async () => {
    const { slow, say } = await serveSlow({})
    await say('x'.repeat(64 * KiB), 1_000)
    slow.ws.resume()
    expect(await slow.closed).toBe(1013)
  })

  it('may have that many small frames in its queue', async () => {
    const { slow, net, endpoint, reader } = await serveSlow({
      maxBufferedBytes: 64 * MiB,
      maxBufferedFrames: 100,
    })
    // Bytes that the kernel buffers do not count.
    while (net.writableLength === 0) {
      void endpoint.broadcast('room:a', 'said', { n: 0, filler: 'x'.repeat(MiB) })
      await reader.next()
    }
    const waiting = net.writableLength
    for (let n = 1; serverOf(endpoint).sockets.size === 2; n += 1) {
      void endpoint.broadcast('room:a', 'said', { n })
      await reader.next()
      expect(n).toBeLessThan(102)
    }
    expect(net.writableLength).toBeLessThan(waiting + 10 * KiB)
    slow.ws.resume()
    expect(await slow.closed).toBe(1013)
  })

  it('loses frames above the limit but stays connected, if its mount says so', async () => {
    const { slow, net, say, endpoint } = await serveSlow({ slowConsumer: 'drop' })
    expect(await say('x'.repeat(64 * KiB), 400)).toBe(400)
    expect(net.writableLength).toBeLessThanOrEqual(MiB + 65 * KiB)
    slow.ws.resume()
    await until(() => net.writableLength === 0)
    void endpoint.broadcast('room:a', 'said', { n: 400 })
    const heard: number[] = []
    while (heard.at(-1) !== 400) heard.push(numberOf(await slow.next()))
    expect(heard.length).toBeLessThan(400)
    expect(heard.slice(0, -1)).toEqual(counted(heard.length - 1))
    await slow.nothing()
  })

  it.each([
    { what: 'plain', compress: false },
    { what: 'compressed', compress: true },
  ])('gets a frame larger than its limit, and small ones after it ($what, CLOSE-3)', async ({ compress }) => {
    const { slow, say, net } = await serveSlow({ compress }, { perMessageDeflate: compress })
    const some = randomBytes(48 * KiB).toString('base64')
    let filled = 0
    while (net.writableLength === 0) filled += await say(some, 1)
    expect(await say(randomBytes(2 * MiB).toString('base64'), 1)).toBe(1)
    expect(await say('small', 20)).toBe(20)
    slow.ws.resume()
    for (const n of [...Array(filled + 1).fill(0), ...counted(20)])
      expect(numberOf(await slow.next())).toBe(n)
    await slow.nothing()
  })

  it.each([
    { what: 'plain', compress: false, late: 'a broadcast' },
    { what: 'compressed', compress: true, late: 'a broadcast' },
    { what: 'plain', compress: false, late: 'a stop of the server' },
    { what: 'compressed', compress: true, late: 'a stop of the server' },
  ])(
    'still gets what waits for it after it has ended its side and $late ($what)',
    async ({ compress, late }) => {
      const websocket = { compress, maxBufferedBytes: 64 * MiB }
      const { server, slow, net, say } = await serveSlow(websocket, { perMessageDeflate: compress })
      const some = randomBytes(768 * KiB).toString('base64')
      let filled = 0
      while (net.writableLength === 0) filled += await say(some, 1)
      slow.tcp?.end()
      await until(() => net.writableEnded)
      if (late === 'a broadcast') await say('late', 1)
      else void server.app.close()
      slow.ws.resume()
      for (let n = 0; n < filled; n += 1) expect(numberOf(await slow.next())).toBe(0)
    },
  )

  it('is cut off with compression, too', async () => {
    const { slow, say } = await serveSlow({ compress: true }, { perMessageDeflate: true })
    expect(await say(randomBytes(32 * KiB).toString('base64'), 1_000)).toBeLessThan(1_000)
    slow.ws.resume()
    expect(await slow.closed).toBe(1013)
  })
})

it('a client that reads gets a whole burst, however many frames it has', async () => {
  const server = await serveChannel({})
  const [client] = await server.join()
  for (let n = 0; n < 10_000; n += 1) void server.app.endpoint.broadcast('room:a', 'said', { n })
  for (let n = 0; n < 10_000; n += 1)
    expect(await client.next()).toBe(`[null,null,"room:a","said",{"n":${n}}]`)
})
