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

/** Drop all clients of a server at once, and wait until they are back; twice, as the first is compiled on the way. */
async function storm(clients: { raw: number; official: number }): Promise<{ back: Answer; report: Report }> {
  const server = new OwnProcess(`${scripts.folder}/server.js`)
  const generator = new OwnProcess(`${scripts.folder}/clients.js`)
  const base = await server.line(/http:\/\/127\.0\.0\.1:\d+/)
  const ask = (question: Question) => server.ask(question) as Promise<Report>
  const command = (given: Command) => generator.ask(given) as Promise<Answer>
  const count = clients.raw + clients.official

  expect(await command({ do: 'connect', base, rooms: ROOMS, ...clients })).toMatchObject({ joined: count })
  for (;;) {
    const started = Date.now()
    const returned = command({ do: 'return' })
    await ask({ ask: 'drop' })
    const back = await returned
    const report = await ask({ ask: 'report' })
    const { longest, p99, waited } = report
    const loop = `event loop late by ${longest.toFixed(0)} ms at most, p99 ${p99.toFixed(0)} ms`
    process.stdout.write(
      `storm of ${clients.raw} raw and ${clients.official} official clients: all joined after ${back.at - started} ms, up to ${waited} joins waited, ${loop}\n`,
    )
    return { back, report }
  }
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
