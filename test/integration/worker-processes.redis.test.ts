import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { connect, type RawClient } from '../helpers/raw-client.ts'
import { request } from '../helpers/raw-http.ts'
import { startRedis } from '../helpers/redis.ts'
import { bearer } from '../helpers/tokens.ts'
import { until } from '../helpers/until.ts'
import { countSockets, WorkerProcesses } from '../helpers/worker-processes.ts'
import type { Answer, Command } from './rolling-clients.ts'

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({
    'app/main': 'server/app/main.ts',
    'client/clients': 'test/integration/rolling-clients.ts',
  })
})
afterAll(() => scripts.remove())

/** The app in two worker processes that listen. */
async function start(env: Record<string, string> = {}) {
  const { url: REDIS_URL } = await startRedis()
  const app = new WorkerProcesses(`${scripts.folder}/app/main.js`, { REDIS_URL, ...env })
  const pids = await app.listened(Number(env['WORKERS'] ?? 2))
  return { app, pids, base: await app.base(), REDIS_URL }
}

const open = (base: string) => connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)

/** Connections, and the code with which each was closed. */
async function openMany(
  base: string,
  count: number,
): Promise<{ clients: RawClient[]; codes: Promise<number[]> }> {
  const clients: RawClient[] = []
  for (let n = 0; n < count; n++) clients.push(await open(base))
  return { clients, codes: Promise.all(clients.map(({ closed }) => closed)) }
}

/** Official clients in a process of their own. */
function officialClients() {
  const clients = new OwnProcess(`${scripts.folder}/client/clients.js`)
  return (command: Command) => clients.ask(command) as Promise<Answer>
}

const flawless = { joinErrors: 0, doubled: 0, lost: 0 }

/** Fails if the connection is refused. */
async function knock(base: string): Promise<void> {
  const socket = connectTcp(Number(new URL(base).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('distributes 2,000 connections evenly to two worker processes', async () => {
  const { base, pids } = await start()
  const before = pids.map(countSockets)
  await openMany(base, 2_000)
  const held = pids.map((pid, index) => countSockets(pid) - (before[index] ?? 0))
  process.stdout.write(`2,000 connections: ${held.join(' and ')}\n`)
  expect(held.reduce((sum, count) => sum + count)).toBe(2_000)
  for (const count of held) expect(Math.abs(count - 1_000)).toBeLessThan(200)
})

it('replaces a killed worker, and its clients reconnect', async () => {
  const { app, base, pids } = await start()
  const ask = officialClients()
  const [killed = 0, other = 0] = pids
  const before = countSockets(killed)
  expect(await ask({ do: 'join', base, first: 0, count: 60, rooms: 3 })).toMatchObject(flawless)
  // A process that had no turn gets less than half of a burst.
  const held = countSockets(killed) - before
  expect(held).toBeGreaterThan(0)

  process.kill(killed, 'SIGKILL')
  expect(await ask({ do: 'rejoin', least: held })).toMatchObject(flawless)
  const [, , successor = 0] = await app.listened(3)
  expect(app.running.sort()).toEqual([other, successor].sort())
  // Whichever process they are on, those of a room hear each other.
  expect(await ask({ do: 'speak', members: 20 })).toMatchObject(flawless)
})

it('closes the connection that a worker had just received when it was killed', async () => {
  const { base, pids } = await start()
  // It takes nothing in, and one of the next connections is for it.
  process.kill(pids[0] ?? 0, 'SIGSTOP')
  const answers = [1, 2, 3].map(() =>
    request(`${base}/healthz`).then(
      ({ status }) => status,
      ({ code }) => code,
    ),
  )
  await Promise.any(answers)
  process.kill(pids[0] ?? 0, 'SIGKILL')
  expect((await Promise.all(answers)).sort()).toEqual([200, 200, 'ECONNRESET'])
})

describe('a stop', () => {
  it.each([
    ['SIGTERM to the primary', (pid: number) => process.kill(pid, 'SIGTERM')],
    // npm passes on what the terminal has sent to all.
    ['a Ctrl-C to all of them, which npm repeats', interruptTwice],
  ])('by %s first ends listening, then closes all clients, and exits with 0', async (_what, signal) => {
    const { app, base, pids } = await start()
    const { clients, codes } = await openMany(base, 40)
    const refused = Promise.race(clients.map(({ closed }) => closed)).then(() => knock(base))

    signal(app.child.pid ?? 0)

    await expect(refused).rejects.toThrow('ECONNREFUSED')
    expect(new Set(await codes)).toEqual(new Set([1012]))
    expect(await app.exited).toEqual({ code: 0, signal: null })
    expect(pids.filter(isRunning)).toEqual([])
  })

  it('is cut short by a second signal, and exits with 1', async () => {
    const { app, base, pids } = await start({ SHUTDOWN_DELAY_MS: '60000' })
    const { codes } = await openMany(base, 4)
    app.child.kill('SIGTERM')
    await expect.poll(() => request(`${base}/readyz`).then(({ status }) => status)).toBe(503)
    const again = setInterval(() => app.child.kill('SIGTERM'), 100)
    expect(await app.exited).toEqual({ code: 1, signal: null })
    clearInterval(again)
    expect(new Set(await codes)).toEqual(new Set([1006]))
    await until(() => pids.filter(isRunning).length === 0)
  })
})

function interruptTwice(pid: number): void {
  process.kill(-pid, 'SIGINT')
  process.kill(-pid, 'SIGINT')
}

describe('a reload', () => {
  it('refuses no client and loses no message', async () => {
    const { app, base, pids, REDIS_URL } = await start()
    const other = new WorkerProcesses(`${scripts.folder}/app/main.js`, { REDIS_URL, WORKERS: '0' })
    const listener = await open(await other.base())
    listener.send('["1","1","room:lobby","phx_join",{}]')
    await listener.next()
    const ask = officialClients()
    expect(await ask({ do: 'join', base, first: 0, count: 60, rooms: 3 })).toMatchObject(flawless)

    const posting = new AbortController()
    const posted = Promise.all([1, 2, 3].map((one) => post(base, one, posting.signal)))
    app.child.kill('SIGHUP')
    expect(await ask({ do: 'rejoin', least: 60 })).toMatchObject(flawless)
    await app.line(/worker processes replaced/)
    posting.abort()

    const answers = (await posted).flat()
    expect(answers.filter(({ status }) => status !== 202)).toEqual([])
    const heard: string[] = []
    while (heard.length < answers.length) heard.push(bodyOf(await listener.next()))
    await listener.nothing()
    expect(heard.sort()).toEqual(answers.map(({ body }) => body).sort())
    expect(await ask({ do: 'speak', members: 20 })).toMatchObject(flawless)
    expect(app.running.sort()).toEqual((await app.listened(4)).slice(2).sort())
    expect(pids.filter(isRunning)).toEqual([])
    process.stdout.write(`reload: ${answers.length} messages posted meanwhile, all taken and heard\n`)
  })

  it('keeps the old workers if the new ones cannot start', async () => {
    const { app, base, pids } = await start()
    const main = `${scripts.folder}/app/main.js`
    const whole = readFileSync(main)
    const client = await open(base)
    try {
      writeFileSync(main, 'throw new Error("half a deploy")')
      app.child.kill('SIGHUP')
      await app.line(/new processes could not start/)
    } finally {
      writeFileSync(main, whole)
    }
    await client.nothing()
    expect(app.running.sort()).toEqual(pids.sort())

    app.child.kill('SIGHUP')
    expect(await client.closed).toBe(1012)
    await app.line(/worker processes replaced/)
  })

  it('of one worker is triggered by a SIGTERM to it', async () => {
    const { app, base, pids } = await start({ WORKERS: '1' })
    const client = await open(base)
    process.kill(pids[0] ?? 0, 'SIGTERM')
    expect(await client.closed).toBe(1012)
    expect(await app.listened(2)).toHaveLength(2)
    await (await open(base)).nothing()
  })
})

type Posted = { status: number; body: string }

/** Messages into the lobby one after the other, each over a connection of its own. */
async function post(base: string, author: number, signal: AbortSignal): Promise<Posted[]> {
  const posted: Posted[] = []
  while (!signal.aborted) {
    const body = `message ${posted.length} of ${author}`
    const { status } = await request(`${base}/api/rooms/lobby/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close', ...bearer() },
      body: JSON.stringify({ body }),
    })
    posted.push({ status, body })
  }
  return posted
}

function bodyOf(frame: string | Buffer): string {
  return JSON.parse(String(frame))[4].body
}

describe('a primary exits with 1 and the reason', () => {
  it('before it starts workers, if they have no Redis', async () => {
    const run = promisify(execFile)(process.execPath, [`${scripts.folder}/app/main.js`, '--workers', '2'], {
      env: { ...process.env, REDIS_URL: '' },
    })
    await expect(run).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr:
        'fastify-phoenix: WORKERS=2 (or --workers) requires REDIS_URL, which connects the worker processes\n',
    })
  })

  it('at its start, if a worker cannot listen', async () => {
    const { base, REDIS_URL } = await start({ WORKERS: '1' })
    const PORT = new URL(base).port
    const second = new WorkerProcesses(`${scripts.folder}/app/main.js`, { REDIS_URL, PORT })
    expect(await second.exited).toEqual({ code: 1, signal: null })
    const said = second.lines.filter((line) => line.startsWith('fastify-phoenix'))
    expect(said).toEqual([`fastify-phoenix: bind EADDRINUSE 127.0.0.1:${PORT}`])
  })

  it('if workers exit early again and again', async () => {
    const { app, base, pids } = await start()
    const main = `${scripts.folder}/app/main.js`
    const whole = readFileSync(main)
    const { codes } = await openMany(base, 2)
    try {
      writeFileSync(main, 'process.exit(7)')
      process.kill(pids[0] ?? 0, 'SIGKILL')
      expect(await app.exited).toEqual({ code: 1, signal: null })
    } finally {
      writeFileSync(main, whole)
    }
    // One of them was on the process that was killed.
    expect((await codes).sort()).toEqual([1006, 1012])
    expect(app.lines.filter((line) => line.startsWith('fastify-phoenix'))).toEqual([
      'fastify-phoenix: 6 times in a row, a worker process exited within 5 s of its start; last reason: exit code 7',
    ])
  })
})
