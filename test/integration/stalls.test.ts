import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { type ChannelServer, serveChannel } from '../helpers/serve-channel.ts'

const CLIENTS = 50
const TIMEOUT = 1_000
const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'

/** Nothing runs for so long, as when the process is stopped, or a callback computes. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** A line for requests, which are written at once. */
async function line({
  base,
}: ChannelServer): Promise<{ ask(request: string): Promise<string>; tcp: Socket }> {
  const { hostname, port } = new URL(base)
  const tcp = connectTcp(Number(port), hostname)
  onTestFinished(() => void tcp.destroy())
  await once(tcp, 'connect')
  const ask = async (path: string) => {
    tcp.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const [data] = await once(tcp, 'data')
    return String(data)
  }
  return { ask, tcp }
}

describe('after a stall longer than the idle timeout', () => {
  test('clients whose heartbeats wait in the kernel stay connected (CLOSE-1)', async () => {
    const server = await serveChannel({}, { websocket: { timeout: TIMEOUT }, limits: { sweepInterval: 50 } })
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async () => (await server.connect())[0]),
    )
    for (const client of clients) client.send(HEARTBEAT)
    block(1.6 * TIMEOUT)
    await Promise.all(clients.map(async (client) => expect(await client.next()).toContain('"h"')))
    await Promise.all(clients.map((client) => client.nothing()))
    expect(serverOf(server.app.endpoint).sockets.size).toBe(CLIENTS)
  })

  test('silent clients are closed one whole timeout later (CLOSE-1)', async () => {
    const server = await serveChannel({}, { websocket: { timeout: TIMEOUT }, limits: { sweepInterval: 50 } })
    const [client] = await server.connect()
    block(1.6 * TIMEOUT)
    expect(await client.closed).toBe(1002)
  })

  test('long-poll sessions whose polls wait in the kernel continue (LONGPOLL-8)', async () => {
    const longpoll = { windowMs: TIMEOUT }
    const server = await serveChannel({}, { longpoll, limits: { sweepInterval: 50 } })
    const sessions = await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const { ask } = await line(server)
        const opened = await ask('/socket/longpoll?vsn=2.0.0')
        const { token } = JSON.parse(opened.slice(opened.indexOf('{')))
        return () => ask(`/socket/longpoll?vsn=2.0.0&token=${encodeURIComponent(token)}`)
      }),
    )
    const polls = sessions.map((poll) => poll())
    block(1.6 * TIMEOUT)
    for (const answer of await Promise.all(polls)) expect(answer).toContain('"status":204')
    expect(serverOf(server.app.endpoint).sockets.size).toBe(CLIENTS)
  })
})
