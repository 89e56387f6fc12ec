import { describe, expect, it } from 'vitest'
import { telemetry } from '../../server/telemetry/telemetry.ts'
import { keepBusy } from '../helpers/keep-busy.ts'
import type { RawClient } from '../helpers/raw-client.ts'
import { serveChannel } from '../helpers/serve-channel.ts'
import { listenTo } from '../helpers/telemetry.ts'

const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
const echo = (ref: number) => `["1","${ref}","room:a","echo",{"n":${ref}}]`
const join = (room: number) => `["${room}","${room}","room:${room}","phx_join",{}]`

/** All messages until the connection ends. */
async function all(client: RawClient): Promise<string[]> {
  const frames: string[] = []
  for (;;) {
    const frame = await client.next().catch(() => null)
    if (frame === null) return frames
    frames.push(String(frame))
  }
}

describe('beside a client that sends as fast as it can', () => {
  const limits = { messageRate: 100, messageBurst: 200, joinRate: 10, joinBurst: 20, maxRefusals: 500 }

  it.each([
    ['messages', Array.from({ length: 5_000 }, (_, n) => echo(n))],
    ['joins', Array.from({ length: 5_000 }, (_, n) => join(n))],
    ['messages to topics that are not joined', Array(5_000).fill('["1","1","nowhere","echo",{}]')],
  ])(
    'others are served normally, and the fast client is closed in the end: %s (LIMIT-1 to LIMIT-3)',
    async (_what, flood) => {
      const server = await serveChannel({ handleIn: { echo: (payload) => ({ ok: payload }) } }, { limits })
      const [bystander] = await server.join()
      const [offender] = await server.join()
      const told = listenTo(telemetry.limitReached)
      const heard = all(offender)
      offender.send(...flood)
      for (let n = 2; n < 100; n += 1) {
        bystander.send(echo(n))
        expect(await bystander.next()).toBe(
          `["1","${n}","room:a","phx_reply",{"response":{"n":${n}},"status":"ok"}]`,
        )
      }
      expect(await offender.closed).toBe(1008)
      const refused = (await heard).filter((frame) =>
        frame.includes('"reason":"rate_limited","retry_after_ms":'),
      )
      // On a busy machine the bucket of refusals fills a little meanwhile.
      expect(refused.length).toBeGreaterThanOrEqual(500)
      expect(refused.length).toBeLessThan(600)
      expect(told.at(-1)).toMatchObject({ limit: 'maxRefusals' })
      await bystander.nothing()
    },
  )
})

describe('a client that sends only frames that overtake messages', () => {
  const limits = { heartbeatRate: 10, heartbeatBurst: 50 }
  const FLOOD = 20_000
  const PAYLOAD = 'x'.repeat(100)

  it.each([
    ['heartbeats', (client: RawClient) => client.send(...Array(FLOOD).fill(HEARTBEAT))],
    ['pings', (client: RawClient) => repeat(() => client.ws.ping(PAYLOAD))],
    ['pongs', (client: RawClient) => repeat(() => client.ws.pong(PAYLOAD))],
  ])('is closed with 1008, and no longer read: %s (LIMIT-3)', async (_what, flood) => {
    const server = await serveChannel({}, { limits })
    const [bystander] = await server.join()
    const [offender, net] = await server.join()
    const told = listenTo(telemetry.limitReached)
    let answers = 0
    offender.ws.on('pong', () => {
      answers += 1
    })
    const heard = all(offender)
    flood(offender)
    expect(await offender.closed).toBe(1008)
    answers += (await heard).length
    expect(answers).toBeLessThan(2 * limits.heartbeatBurst)
    expect(net.bytesRead).toBeLessThan((offender.tcp?.bytesWritten ?? 0) / 2)
    expect(told).toMatchObject([{ limit: 'heartbeatRate' }])
    await bystander.nothing()
  })

  function repeat(send: () => void): void {
    for (let n = 0; n < FLOOD; n += 1) send()
  }
})

/** Answers to `joins` joins of each client: how many were accepted, and the replies of the others. */
async function answersTo(clients: readonly RawClient[], joins: number) {
  const answers: { ok: number; error: string[] } = { ok: 0, error: [] }
  for (const client of clients) client.send(...Array.from({ length: joins }, (_, n) => join(n)))
  await Promise.all(
    clients.map(async (client) => {
      for (let n = 0; n < joins; n += 1) {
        const frame = String(await client.next())
        if (frame.includes('"status":"ok"')) answers.ok += 1
        else answers.error.push(frame.slice(frame.indexOf('phx_reply')))
      }
    }),
  )
  return answers
}

describe('while the server is overloaded', () => {
  it('joins are answered or refused in time, and heartbeats are answered (LIMIT-4)', async () => {
    const limits = { maxJoinWait: 2_000 }
    const slowJoin = () => {
      const end = performance.now() + 20
      while (performance.now() < end);
      return { ok: {} }
    }
    const server = await serveChannel({ join: slowJoin }, { limits })
    const clients = await Promise.all(Array.from({ length: 10 }, async () => (await server.connect())[0]))
    const [watcher] = await server.connect()
    const told = listenTo(telemetry.limitReached)
    const answered = answersTo(clients, 30)
    let isOver = false
    void answered.finally(() => {
      isOver = true
    })
    let beats = 0
    while (!isOver) {
      watcher.send(HEARTBEAT)
      await watcher.next()
      beats += 1
    }
    const { ok, error } = await answered
    // All 300 would take 6 s, so a third fits into the 2 s that a join may wait.
    expect(ok).toBeGreaterThan(10)
    expect(ok).toBeLessThan(225)
    const OVERLOADED = 'phx_reply",{"response":{"reason":"overloaded"},"status":"error"}]'
    expect(new Set(error)).toEqual(new Set([OVERLOADED]))
    expect(told).toHaveLength(error.length)
    expect(beats).toBeGreaterThan(10)
  })

  it('by other work, joins get their share of the time (LIMIT-4)', async () => {
    const server = await serveChannel({}, { limits: { maxJoinWait: 40_000 } })
    const clients = await Promise.all(Array.from({ length: 10 }, async () => (await server.connect())[0]))
    const rest = keepBusy(100)
    const answers = await answersTo(clients, 30)
    rest()
    expect(answers).toEqual({ ok: 300, error: [] })
  })
})
