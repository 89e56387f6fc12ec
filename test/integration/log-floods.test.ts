import { connect as connectTcp } from 'node:net'
import fastify from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defineSocket, defineUntypedChannel, type PhoenixOptions, phoenix } from '../../server/index.ts'
import { connect } from '../helpers/raw-client.ts'
import { responses, upgrade } from '../helpers/raw-http.ts'

type Line = { level: number; msg: string; count?: number; refused?: string; reason?: unknown }

/** A server whose log is kept. */
async function serve(limits: PhoenixOptions['limits'] = {}) {
  const lines: Line[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const app = fastify({ logger: { level: 'info', stream } })
  onTestFinished(() => app.close())
  const channel = defineUntypedChannel('room:*', { join: () => ({ error: { reason: 'full' } }) })
  const socket = defineSocket({ connect: ({ no }) => (no === undefined ? { ok: {} } : { error: 'no' }) })
  const mount = { socket: socket.channel(channel), longpoll: true }
  await app.register(phoenix, { sockets: { '/socket': mount }, limits })
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const started = performance.now()
  /** Lines logged since the start and at the end: far fewer than events, but with their number. */
  const judge = async (flood: number, kinds = 1): Promise<Line[]> => {
    await app.close()
    const told = lines.filter(({ msg }) => !/[Ss]erver|socket connected/.test(msg))
    const seconds = Math.ceil((performance.now() - started) / 1_000)
    expect(told.length).toBeLessThanOrEqual(kinds * (seconds + 2))
    expect(told.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(kinds * flood)
    return told
  }
  return { base, judge }
}

/** Send these requests over one connection, without waiting for answers, until so many came. */
function pipeline(base: string, head: string, times: number): Promise<void> {
  const { hostname, port } = new URL(base)
  const tcp = connectTcp(Number(port), hostname)
  onTestFinished(() => void tcp.destroy())
  tcp.write(head.repeat(times))
  return responses(tcp, times)
}

describe('the log has at most one line a second, with a count, for', () => {
  test('refused origins, 2,000 over one connection (ORIGIN-1)', async () => {
    const { base, judge } = await serve()
    const head = 'GET /socket/longpoll?vsn=2.0.0 HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\r\n'
    await pipeline(base, head, 2_000)
    const [line] = await judge(2_000)
    expect(line).toMatchObject({ level: 50, refused: 'origin', msg: expect.stringContaining('evil.example') })
  })

  test.each([
    ['upgrades of pages of other origins', {}, '', { origin: 'http://evil.example' }, 50],
    ['upgrades that connect refuses', {}, '&no=1', {}, 30],
    ['upgrades of an unknown version', {}, '&vsn=9.0.0', {}, 30],
    ['upgrades without a version of WebSocket', {}, '', { 'sec-websocket-version': '7' }, 30],
  ])('%s', async (_what, limits, query, headers, level) => {
    const { base, judge } = await serve(limits)
    for (let n = 0; n < 50; n += 1) await upgrade(`${base}/socket/websocket?vsn=2.0.0${query}`, headers)
    const [line] = await judge(50)
    expect(line).toMatchObject({ level })
  })

  test('upgrades that are refused with 503 because the server is full (LIMIT-5)', async () => {
    const { base, judge } = await serve({ maxConnections: 1 })
    await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
    for (let n = 0; n < 50; n += 1) await upgrade(`${base}/socket/websocket?vsn=2.0.0`)
    const [line] = await judge(50)
    expect(line).toMatchObject({ level: 40, refused: 'overloaded', reason: 'maxConnections' })
  })

  test('upgrades that are refused with 429 because they come too fast (LIMIT-6)', async () => {
    const { base, judge } = await serve({ connectionRate: 1, connectionBurst: 1 })
    let refused = 0
    for (let n = 0; n < 50; n += 1) {
      const { status } = await upgrade(`${base}/socket/websocket?vsn=2.0.0`)
      if (status === 429) refused += 1
    }
    const [line] = await judge(refused)
    expect(line).toMatchObject({ level: 40, refused: 'rate_limited', reason: 'connectionRate' })
  })

  test('joins that are refused, by the channel or earlier', async () => {
    const { base, judge } = await serve()
    const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
    for (const topic of ['room:a', 'nowhere'])
      client.send(...Array.from({ length: 100 }, (_, n) => `["${n}","${n}","${topic}","phx_join",{}]`))
    for (let n = 0; n < 200; n += 1) await client.next()
    const told = await judge(100, 2)
    expect(new Set(told.map(({ msg }) => msg))).toEqual(new Set(['join refused']))
    expect(told.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['full', 'unmatched topic']))
  })
})
