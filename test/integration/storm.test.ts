import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import type { Answer, Command } from './storm-clients.ts'
import type { Question, Report } from './storm-server.ts'

const ROOMS = 3

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({
    server: 'test/integration/storm-server.ts',
    clients: 'test/integration/storm-clients.ts',
  })
})
afterAll(() => scripts.remove())

/** All clients of a server lose their connection at once; ends when they are back. */
async function storm(clients: { raw: number; official: number }): Promise<{ back: Answer; report: Report }> {
  const server = new OwnProcess(`${scripts.folder}/server.js`)
  const generator = new OwnProcess(`${scripts.folder}/clients.js`)
  const base = await server.line(/http:\/\/127\.0\.0\.1:\d+/)
  const ask = () => server.ask({ ask: 'report' } satisfies Question) as Promise<Report>
  const command = (given: Command) => generator.ask(given) as Promise<Answer>
  const count = clients.raw + clients.official

  expect(await command({ do: 'connect', base, rooms: ROOMS, ...clients })).toMatchObject({ joined: count })
  await ask()
  const started = Date.now()
  const back = await command({ do: 'return' })
  const report = await ask()
  const { longest, p99, waited } = report
  const loop = `event loop late by ${longest.toFixed(0)} ms at most, p99 ${p99.toFixed(0)} ms`
  process.stdout.write(
    `storm of ${clients.raw} raw and ${clients.official} official clients: all joined after ${back.at - started} ms, up to ${waited} joins waited, ${loop}\n`,
  )
  return { back, report }
}

it('2,000 raw clients that are dropped and come back at once are all joined; no upgrade is refused', async () => {
  const { back, report } = await storm({ raw: 2_000, official: 0 })
  expect(back).toMatchObject({ joined: 2_000, refusedUpgrades: 0, refusedJoins: 0 })
  expect(report).toMatchObject({ connections: 2_000, channels: 2_000 * ROOMS, limits: {} })
}, 90_000)

it('500 official clients that may fall back to long-poll stay with WebSocket', async () => {
  const { back, report } = await storm({ raw: 0, official: 500 })
  expect(back).toMatchObject({ joined: 500, fallenBack: 0, refusedJoins: 0 })
  expect(report).toMatchObject({ connections: 500, channels: 500 * ROOMS, limits: {} })
}, 90_000)
