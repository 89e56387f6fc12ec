import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Channel, Socket } from 'phoenix'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { recoverable } from '../../client/typed.ts'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { signedIn } from '../helpers/tokens.ts'
import { until } from '../helpers/until.ts'

const CLIENTS = 20
/** Together fewer than a room keeps, so that no client can be away for too long. */
const MESSAGES_EACH = 9
/** Milliseconds between an echo and the next message. */
const PAUSE_MS = 400
const RESTARTS = 2
/** Milliseconds after which a message without an echo is sent again. */
const REPEAT_MS = 300

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ 'app/main': 'server/app/main.ts', 'client/none': 'protocol/topic.ts' })
})
afterAll(() => scripts.remove())

/** A client that sends its messages one after the other, each again and again until its echo comes. */
function writer(url: string, name: string) {
  const transport = WebSocket as unknown as typeof globalThis.WebSocket
  const params = signedIn({ client: name, name })
  const socket = new Socket(`${url}/socket`, {
    transport,
    params,
    reconnectAfterMs: () => 50,
    rejoinAfterMs: () => 50,
  })
  const heard: string[] = []
  const gaps: unknown[] = []
  const channel: Channel = recoverable(socket, 'room:den', {}, { onGap: (gap) => gaps.push(gap) })
  let sent = 0
  /** Send the present message, for the first time or again. */
  const say = () => {
    const id = `${name}-${sent}`
    if (sent < MESSAGES_EACH && channel.state === 'joined') channel.push('new_msg', { body: id, id })
  }
  channel.on('new_msg', ({ id }) => {
    heard.push(id)
    if (id !== `${name}-${sent}`) return
    sent += 1
    setTimeout(say, PAUSE_MS)
  })
  const repeat = setInterval(say, REPEAT_MS)
  onTestFinished(async () => {
    clearInterval(repeat)
    await new Promise<void>((resolve) => socket.disconnect(resolve))
  })
  const joined = new Promise<void>((resolve) => channel.join().receive('ok', () => resolve()))
  socket.connect()
  return { heard, gaps, joined, begin: say }
}

test('a restart with HISTORY_FILE while clients write loses and duplicates nothing, and reports no gap', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'history-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const env = {
    HOST: '127.0.0.1',
    HISTORY_FILE: join(folder, 'history'),
    NOTIFY_EVERY_MS: '20',
    LOG_LEVEL: 'info',
  }
  const start = async (port: string) => {
    const app = new OwnProcess(`${scripts.folder}/app/main.js`, { ...env, PORT: port })
    return { app, url: await app.line(/http:\/\/127\.0\.0\.1:\d+/) }
  }
  let { app, url } = await start('0')
  const clients = Array.from({ length: CLIENTS }, (_, n) => writer(url.replace('http', 'ws'), `w${n}`))
  await Promise.all(clients.map(({ joined }) => joined))
  for (const { begin } of clients) begin()

  const total = CLIENTS * MESSAGES_EACH
  const heardByFirst = () => clients[0]?.heard.length ?? 0
  for (let restart = 1; restart <= RESTARTS; restart++) {
    const part = (total * restart) / (RESTARTS + 2)
    await until(() => heardByFirst() >= part, { timeout: 60_000 })
    app.child.kill('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
    // It was writing when the server went away.
    expect(heardByFirst()).toBeLessThan(total)
    app = (await start(new URL(url).port)).app
  }
  await until(() => clients.every(({ heard }) => heard.length >= total), { timeout: 60_000 })

  const [first] = clients
  expect(new Set(first?.heard).size).toBe(total)
  for (const { heard, gaps } of clients) {
    expect(heard).toEqual(first?.heard)
    expect(gaps).toEqual([])
  }
}, 180_000)
