import { describe, expect, it } from 'vitest'
import { telemetry } from '../../server/telemetry.ts'
import { keepBusy } from '../helpers/keep-busy.ts'
import type { RawClient } from '../helpers/raw-client.ts'
import { serveChannel } from '../helpers/serve-channel.ts'
import { listenTo } from '../helpers/telemetry.ts'

const HEARTBEAT = '[null,"h","phoenix","heartbeat",{}]'
const echo = (ref: number) => `["1","${ref}","room:a","echo",{"n":${ref}}]`
const join = (room: number) => `["${room}","${room}","room:${room}","phx_join",{}]`

/** What comes until the connection ends. */
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
    'others are served as ever, and it is closed in the end: %s (LIMIT-1 to LIMIT-3)',
    async (_what, flood) => {
      const server = await serveChannel({ handleIn: { echo: (payload) => ({ ok: payload }) } }, { limits })
      const [bystander] = await server.join()
      const [offender] = await server.join()
      const told = listenTo(telemetry.limitReached)
      const heard = all(offender)
      offender.send(...flood)
      // As long as the flood lasts; nobody is slower than to take his turn.
      let slowest = 0
      for (let n = 2; n < 100; n += 1) {
        const sent = performance.now()
        bystander.send(echo(n))
        expect(await bystander.next()).toBe(
          `["1","${n}","room:a","phx_reply",{"response":{"n":${n}},"status":"ok"}]`,
        )
        slowest = Math.max(slowest, performance.now() - sent)
      }
      expect(await offender.closed).toBe(1008)
      const refused = (await heard).filter((frame) =>
        frame.includes('"reason":"rate_limited","retry_after_ms":'),
      )
      // On a busy machine the bucket of refusals fills a little meanwhile.
      expect(refused.length).toBeGreaterThanOrEqual(500)
      expect(refused.length).toBeLessThan(600)
      expect(told.at(-1)).toMatchObject({ limit: 'maxRefusals' })
      process.stdout.write(`beside 5,000 messages at once the slowest reply took ${slowest.toFixed(0)} ms\n`)
      await bystander.nothing()
    },
  )
})

/** The milliseconds until each of so many joins over several connections is answered, by status. */
async function answerTimes(clients: readonly RawClient[], joins: number) {
  const times: { ok: number[]; error: string[]; slowest: number } = { ok: [], error: [], slowest: 0 }
  const sent = performance.now()
  for (const client of clients) client.send(...Array.from({ length: joins }, (_, n) => join(n)))
  await Promise.all(
    clients.map(async (client) => {
      for (let n = 0; n < joins; n += 1) {
        const frame = String(await client.next())
        const ms = performance.now() - sent
        times.slowest = Math.max(times.slowest, ms)
        if (frame.includes('"status":"ok"')) times.ok.push(ms)
        else times.error.push(frame.slice(frame.indexOf('phx_reply')))
      }
    }),
  )
  return times
}

describe('while the server has more to do than it can', () => {
  const WAIT = 2_000
  /** Turns are long here, and a reply must be read. */
  const MARGIN = 1_000

  it('joins are answered, or refused in time; heartbeats are answered meanwhile (LIMIT-4)', async () => {
    const limits = { maxJoinWait: WAIT }
    const slowJoin = () => {
      const end = performance.now() + 20
      while (performance.now() < end);
      return { ok: {} }
    }
    const server = await serveChannel({ join: slowJoin }, { limits })
    const clients = await Promise.all(Array.from({ length: 10 }, async () => (await server.connect())[0]))
    const [watcher] = await server.connect()
    const told = listenTo(telemetry.limitReached)
    const answered = answerTimes(clients, 30)
    let isOver = false
    void answered.finally(() => {
      isOver = true
    })
    let beats = 0
    let slowest = 0
    while (!isOver) {
      const sent = performance.now()
      watcher.send(HEARTBEAT)
      await watcher.next()
      slowest = Math.max(slowest, performance.now() - sent)
      beats += 1
    }
    const times = await answered
    expect(times.slowest).toBeLessThan(WAIT + MARGIN)
    expect(times.ok.length).toBeGreaterThan(30)
    const OVERLOADED = 'phx_reply",{"response":{"reason":"overloaded"},"status":"error"}]'
    expect(new Set(times.error)).toEqual(new Set([OVERLOADED]))
    expect(told).toHaveLength(times.error.length)
    expect(beats).toBeGreaterThan(10)
    process.stdout.write(
      `300 joins of 20 ms at once: ${times.ok.length} joined, ${times.error.length} refused, the last after ${times.slowest.toFixed(0)} ms; the slowest of ${beats} heartbeats took ${slowest.toFixed(0)} ms\n`,
    )
  })

  it('with something else, joins get their part of the time (LIMIT-4)', async () => {
    const server = await serveChannel({}, { limits: { maxJoinWait: 2 * WAIT } })
    const clients = await Promise.all(Array.from({ length: 10 }, async () => (await server.connect())[0]))
    const rest = keepBusy(100)
    const times = await answerTimes(clients, 30)
    rest()
    expect([times.ok.length, times.error]).toEqual([300, []])
  })
})
