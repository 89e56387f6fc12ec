import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { recoverable } from '../../client/typed.ts'
import { NodeProxy } from '../helpers/node-proxy.ts'
import { endAfterTest } from '../helpers/official-socket.ts'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { freePort, startRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'
import { isFullSize } from '../load/size.ts'

const SIZE = isFullSize ? { clients: 200, everyMs: 1_000 } : { clients: 30, everyMs: 300 }
const VERSIONS = ['phoenix-1.3', 'phoenix-1.6', 'phoenix']
const require = createRequire(import.meta.url)

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ 'app/main': 'test/conformance/main.ts', 'client/none': 'protocol/topic.ts' })
})
afterAll(() => scripts.remove())

/** A client that writes, and writes again under the same key until it is told that its message is kept. */
class Writer {
  readonly heard: string[] = []
  readonly said: string[] = []
  readonly room
  gaps = 0
  joins = 0

  constructor(index: number, port: number) {
    const { Socket } = require(VERSIONS[index % VERSIONS.length] ?? '') as typeof import('phoenix')
    const soon = () => 20 + Math.random() * 80
    const options = { transport: WebSocket, reconnectAfterMs: soon, rejoinAfterMs: soon, timeout: 2_000 }
    const socket = new Socket(`ws://127.0.0.1:${port}/socket`, options as object)
    socket.connect()
    endAfterTest(socket)
    const onGap = () => {
      this.gaps += 1
    }
    this.room = recoverable(socket, 'big:deploy', {}, { onGap })
    this.room.on('msg', ({ id }) => void this.heard.push(id))
    this.room.join().receive('ok', () => {
      this.joins += 1
    })
  }

  /** Resolves when the message is kept. */
  async say(id: string): Promise<void> {
    this.said.push(id)
    while (!(await this.#push(id))) await delay(20)
  }

  #push(id: string): Promise<boolean> {
    return new Promise((resolve) => {
      const push = this.room.push('say', { id, key: id })
      push.receive('ok', ({ kept }) => resolve(kept))
      push.receive('error', () => resolve(false))
      push.receive('timeout', () => resolve(false))
    })
  }
}

it(`a rolling deploy of two nodes under ${SIZE.clients} writing clients loses and duplicates nothing`, {
  timeout: 300_000,
}, async () => {
  const redis = await startRedis()
  const ports = [await freePort(), await freePort()]
  const start = async (port: number) => {
    const env = { PORT: String(port), HOST: '127.0.0.1', REDIS_URL: redis.url, NOTIFY_EVERY_MS: '0' }
    const node = new OwnProcess(`${scripts.folder}/app/main.js`, { ...env, ALLOW_ANONYMOUS: '1' })
    await node.line(/listens on/)
    return node
  }
  const nodes = await Promise.all(ports.map(start))
  const proxy = await NodeProxy.open(ports)
  onTestFinished(() => proxy.close())
  const writers = Array.from({ length: SIZE.clients }, (_, index) => new Writer(index, proxy.port))
  await until(() => writers.every(({ room }) => room.cursor() !== null))

  let isOver = false
  const writing = writers.map(async (writer, index) => {
    for (let n = 0; !isOver; n++) {
      await writer.say(`${index}-${n}`)
      await delay(SIZE.everyMs * (0.5 + Math.random()))
    }
  })
  for (const [index, port] of ports.entries()) {
    await delay(2_000)
    proxy.ports.delete(port)
    nodes[index]?.child.kill('SIGTERM')
    expect(await nodes[index]?.exited).toEqual({ code: 0, signal: null })
    await start(port)
    proxy.ports.add(port)
  }
  await delay(2_000)
  isOver = true
  await Promise.all(writing)

  const said = writers.flatMap((writer) => writer.said)
  await until(() => writers.every(({ heard }) => heard.length >= said.length))
  const rejoins = writers.reduce((sum, { joins }) => sum + joins - 1, 0)
  process.stdout.write(`rolling deploy: ${said.length} messages, ${rejoins} rejoins\n`)
  expect(rejoins).toBeGreaterThanOrEqual(SIZE.clients / 2)
  const [first] = writers
  expect(first?.heard.toSorted()).toEqual(said.toSorted())
  for (const { heard, gaps } of writers) {
    expect(heard).toEqual(first?.heard)
    expect(gaps).toBe(0)
  }
})
