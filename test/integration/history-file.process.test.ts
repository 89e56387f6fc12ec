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
import { isFullSize } from '../load/size.ts'

/**
 * Clients, messages of each, and milliseconds after which a client sends its next message, or again the one that has no
 * echo. A client that comes back later than the others may miss no more than a room keeps, which is 200.
 */
const SIZE = isFullSize ? { clients: 200, each: 5, everyMs: 5_000 } : { clients: 20, each: 9, everyMs: 300 }
const RESTARTS = 2

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ 'app/main': 'server/app/main.ts', 'client/none': 'protocol/topic.ts' })
})
afterAll(() => scripts.remove())

/** A client that sends its messages one after the other, each again until its echo comes. */
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
  channel.on('new_msg', ({ id }) => {
    heard.push(id)
    if (id === `${name}-${sent}`) sent += 1
  })
  const say = () => {
    const id = `${name}-${sent}`
    if (sent < SIZE.each && channel.state === 'joined') channel.push('new_msg', { body: id, id })
  }
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    timer = setTimeout(begin, SIZE.everyMs * (0.5 + Math.random()))
    say()
  }
  onTestFinished(async () => {
    clearTimeout(timer)
    await new Promise<void>((resolve) => socket.disconnect(resolve))
  })
  let joins = 0
  const joined = new Promise<void>((resolve) => {
    channel.join().receive('ok', () => {
      joins += 1
      resolve()
    })
  })
  socket.connect()
  return { heard, gaps, joined, begin, rejoins: () => joins - 1 }
}

test(`a restart with HISTORY_FILE under ${SIZE.clients} writing clients loses nothing, doubles nothing, and tells of no gap`, async () => {
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
  const clients = Array.from({ length: SIZE.clients }, (_, n) => writer(url.replace('http', 'ws'), `w${n}`))
  await Promise.all(clients.map(({ joined }) => joined))
  for (const { begin } of clients) begin()

  const total = SIZE.clients * SIZE.each
  const heardByFirst = () => clients[0]?.heard.length ?? 0
  for (let restart = 1; restart <= RESTARTS; restart++) {
    const part = (total * restart) / (RESTARTS + 2)
    await until(() => heardByFirst() >= part, { timeout: 150_000 })
    app.child.kill('SIGTERM')
    expect(await app.exited).toEqual({ code: 0, signal: null })
    // It was writing when the server went away.
    expect(heardByFirst()).toBeLessThan(total)
    app = (await start(new URL(url).port)).app
  }
  await until(() => clients.every(({ heard }) => heard.length >= total), { timeout: 150_000 })

  const rejoins = clients.reduce((sum, client) => sum + client.rejoins(), 0)
  process.stdout.write(`restarts with HISTORY_FILE: ${total} messages, ${rejoins} rejoins\n`)
  expect(rejoins).toBeGreaterThanOrEqual(SIZE.clients * RESTARTS)
  const [first] = clients
  expect(new Set(first?.heard).size).toBe(total)
  for (const { heard, gaps } of clients) {
    expect(heard).toEqual(first?.heard)
    expect(gaps).toEqual([])
  }
}, 400_000)
