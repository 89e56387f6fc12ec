import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import type { Answer, Command } from './rolling-clients.ts'

const CLIENTS = 500
const ROOMS = 20
const GENERATORS = 2

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({
    'app/main': 'server/app/main.ts',
    'client/clients': 'test/integration/rolling-clients.ts',
  })
})
afterAll(() => scripts.remove())

/** A new process of the app on this port, when it listens. */
async function start(port: string): Promise<{ app: OwnProcess; base: string }> {
  const app = new OwnProcess(`${scripts.folder}/app/main.js`, {
    PORT: port,
    HOST: '127.0.0.1',
    NOTIFY_EVERY_MS: '0',
  })
  return { app, base: await app.line(/http:\/\/127\.0\.0\.1:\d+/) }
}

it(`${CLIENTS} official clients reconnect after a restart and lose none of the messages that they send then`, async () => {
  const { app, base } = await start('0')
  const generators = Array.from(
    { length: GENERATORS },
    () => new OwnProcess(`${scripts.folder}/client/clients.js`),
  )
  const count = CLIENTS / GENERATORS
  const command = (given: (n: number) => Command) =>
    Promise.all(generators.map((process, n) => process.ask(given(n)) as Promise<Answer>))
  const flawless = { joinErrors: 0, doubled: 0, lost: 0 }

  const joined = await command((n) => ({ do: 'join', base, first: n * count, count, rooms: ROOMS }))
  for (const answer of joined) expect(answer).toMatchObject(flawless)

  const rejoined = command(() => ({ do: 'rejoin', least: count }))
  const stopped = Date.now()
  app.child.kill('SIGTERM')
  expect(await app.exited).toEqual({ code: 0, signal: null })
  const exited = Date.now()
  await start(new URL(base).port)
  const listening = Date.now()
  const answers = await rejoined
  const back = Math.max(...answers.map(({ at }) => at))
  for (const answer of answers) expect(answer).toMatchObject(flawless)

  const spoken = await command(() => ({ do: 'speak', members: CLIENTS / ROOMS }))
  for (const answer of spoken) expect(answer).toMatchObject(flawless)
  const figures = `exit after ${exited - stopped} ms, up again ${listening - exited} ms later, all back after ${back - stopped} ms`
  process.stdout.write(`rolling restart, ${CLIENTS} clients: ${figures}\n`)
}, 120_000)
