import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { isFullSize } from '../load/size.ts'
import type { Answer, Command } from './storm-clients.ts'
import type { Question, Report } from './storm-server.ts'

const sizes = { full: { raw: 5_000, official: 1_000 }, small: { raw: 2_000, official: 500 } }
const size = isFullSize ? sizes.full : sizes.small

const ROOMS = 3
/** Milliseconds: an official client takes 2,500 to fall back. */
const WATCH = 5_000
/**
 * Milliseconds by which the server's event loop may be late from the drop until all have joined; at full size only, where
 * the machine is its own.
 */
const LONGEST = 300
const P99 = 50

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({
    server: 'test/integration/storm-server.ts',
    clients: 'test/integration/storm-clients.ts',
  })
})
afterAll(() => scripts.remove())

/** All clients of a server lose their connection at once and come back; then once more, as the first time much is compiled. */
async function storms(clients: { raw: number; official: number }): Promise<{ last: Answer; felt: Report[] }> {
  const server = new OwnProcess(`${scripts.folder}/server.js`)
  const generator = new OwnProcess(`${scripts.folder}/clients.js`)
  // Only the server's own work should delay it: the clients run on another core, if there is one.
  runOn(0, server)
  runOn(1, generator)
  const base = await server.line(/http:\/\/127\.0\.0\.1:\d+/)
  const ask = () => server.ask({ ask: 'report' } satisfies Question) as Promise<Report>
  const command = (given: Command) => generator.ask(given) as Promise<Answer>
  const count = clients.raw + clients.official

  expect(await command({ do: 'connect', base, rooms: ROOMS, ...clients })).toMatchObject({ joined: count })
  await ask()
  const felt: Report[] = []
  for (const name of ['first', 'second']) {
    const started = Date.now()
    const { at } = await command({ do: 'return' })
    const report = await ask()
    felt.push(report)
    const { longest, p99, waited } = report
    const loop = `event loop late by ${longest.toFixed(0)} ms at most, p99 ${p99.toFixed(0)} ms`
    process.stdout.write(
      `${name} storm of ${clients.raw} raw and ${clients.official} official clients: all joined after ${at - started} ms, up to ${waited} joins waited, ${loop}\n`,
    )
  }
  return { last: await command({ do: 'watch', ms: WATCH }), felt }
}

/** Give a process a core of its own; where that cannot be, it runs where it may. */
function runOn(core: number, { child }: OwnProcess): void {
  spawnSync('taskset', ['-acp', String(core), String(child.pid)])
}

function expectCalm(felt: readonly Report[]): void {
  if (!isFullSize) return
  for (const { longest } of felt) expect(longest).toBeLessThan(LONGEST)
  expect(felt.at(-1)?.p99).toBeLessThan(P99)
}

it(`${size.raw} raw clients that are cut and reconnect at once all join, and no upgrade is refused`, async () => {
  const { last, felt } = await storms({ raw: size.raw, official: 0 })
  expect(last).toMatchObject({ joined: size.raw, refusedUpgrades: 0, refusedJoins: 0 })
  for (const report of felt) {
    expect(report).toMatchObject({ connections: size.raw, channels: size.raw * ROOMS, limits: {} })
  }
  expectCalm(felt)
}, 120_000)

it(`${size.official} official clients that may fall back to long-poll keep using WebSocket`, async () => {
  const { last, felt } = await storms({ raw: 0, official: size.official })
  expect(last).toMatchObject({ joined: size.official, fallenBack: 0, refusedJoins: 0 })
  for (const report of felt) {
    expect(report).toMatchObject({ connections: size.official, channels: size.official * ROOMS, limits: {} })
  }
  expectCalm(felt)
}, 120_000)
