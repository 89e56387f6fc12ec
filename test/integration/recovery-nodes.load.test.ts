import { createRequire } from 'node:module'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Cursor, recoverable } from '../../client/typed.ts'
import { buildConformanceApp } from '../conformance/app.ts'
import { CUTS, NodeProxy } from '../helpers/node-proxy.ts'
import { type RedisServer, startRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'
import { provideXmlHttpRequest } from '../helpers/xml-http-request.ts'
import { isFullSize } from '../load/size.ts'

/** At full size that of the first proof: 200 clients, 20,000 messages. */
const SIZE = isFullSize
  ? { clients: 200, messages: 20_000, perSecond: 150, cutsPerSecond: 20 }
  : { clients: 18, messages: 900, perSecond: 90, cutsPerSecond: 8 }
const TOPIC = 'big:room'
const VERSIONS = ['phoenix-1.3', 'phoenix-1.6', 'phoenix']
const require = createRequire(import.meta.url)

/** An official client and what it hears. */
class Client {
  readonly heard: number[] = []
  readonly gaps: { from: Cursor; to: Cursor }[] = []
  joins = 0
  readonly room: { state: string; cursor(): Cursor | null }
  readonly #name: string
  readonly #socket: { disconnect(done: () => void): void }

  constructor(version: string, port: number, isPolling: boolean) {
    const { LongPoll, Socket } = require(version) as typeof import('phoenix')
    const soon = () => 20 + Math.random() * 80
    const options = { reconnectAfterMs: soon, rejoinAfterMs: soon, timeout: 3_000 }
    const [scheme, transport] = isPolling ? ['http', LongPoll] : ['ws', WebSocket]
    const socket = new Socket(`${scheme}://127.0.0.1:${port}/socket`, { transport, ...options } as object)
    socket.connect()
    const room = recoverable(socket, TOPIC, { name: version }, { onGap: (gap) => void this.gaps.push(gap) })
    room.on('msg', (payload) => void this.heard.push(Number(Reflect.get(Object(payload), 'n'))))
    room.join().receive('ok', () => {
      this.joins += 1
    })
    this.#name = `${version} by ${isPolling ? 'long-poll' : 'WebSocket'}`
    this.#socket = socket
    this.room = room
  }

  toString(): string {
    return `${this.#name} ${this.room.state} at ${this.room.cursor()?.seq}`
  }

  close(): Promise<void> {
    return new Promise((done) => void this.#socket.disconnect(() => done()))
  }
}

/** Two nodes, of which one can be restarted. */
class Nodes {
  readonly #redis: RedisServer
  readonly #isDurable: boolean
  readonly #apps: (FastifyInstance | null)[] = [null, null]
  readonly ports = [0, 0]

  constructor(redis: RedisServer, isDurable: boolean) {
    this.#redis = redis
    this.#isDurable = isDurable
  }

  async start(index: number): Promise<void> {
    const app = await buildConformanceApp({
      redisUrl: this.#redis.url,
      durable: this.#isDurable,
      logLevel: 'silent',
    })
    await app.listen({ port: this.ports[index] ?? 0, host: '127.0.0.1' })
    this.ports[index] = Number(Object(app.server.address()).port)
    await until(() => app.endpoint.engine.state === 'up')
    this.#apps[index] = app
  }

  async stop(index: number): Promise<void> {
    const app = this.#apps[index]
    this.#apps[index] = null
    await app?.close()
  }

  /** Publish at a node, and again under the same key until it is known to be kept. */
  async say(n: number): Promise<void> {
    for (;;) {
      const up = this.#apps.filter((app) => app !== null)
      const app = up[n % up.length]
      const isKept = await app?.endpoint.publish(TOPIC, 'msg', { n }, { key: `key-${n}` }).catch(() => false)
      if (isKept) return
      await delay(20)
    }
  }
}

type Trouble = { readonly at: number; readonly run: () => Promise<unknown> }

/** Cut connections until it is over, and make trouble at these parts of the time. */
async function disturb(proxy: NodeProxy, troubles: readonly Trouble[], over: AbortSignal): Promise<void> {
  const begun = performance.now()
  const lasting = (SIZE.messages / SIZE.perSecond) * 1_000
  const left = troubles.toSorted((a, b) => a.at - b.at)
  while (!over.aborted) {
    proxy.cutOne(CUTS[Math.floor(Math.random() * CUTS.length)] ?? 'reset')
    const [next] = left
    if (next !== undefined && performance.now() - begun >= next.at * lasting) {
      left.shift()
      await next.run()
    }
    await delay(1_000 / SIZE.cutsPerSecond)
  }
}

type Run = { readonly redis: RedisServer; readonly nodes: Nodes; readonly proxy: NodeProxy }

/**
 * Run clients under these troubles, and collect the messages that they hear. The last message is sent when `isReady` is
 * true for each client.
 */
async function hear(
  isDurable: boolean,
  troublesOf: (run: Run) => Trouble[],
  isReady: (client: Client) => boolean = () => true,
): Promise<Client[]> {
  const redis = await startRedis()
  const nodes = new Nodes(redis, isDurable)
  for (const index of [0, 1]) {
    await nodes.start(index)
    onTestFinished(() => nodes.stop(index))
  }
  const proxy = await NodeProxy.open(nodes.ports)
  onTestFinished(() => proxy.close())
  provideXmlHttpRequest(true)
  const clients = Array.from({ length: SIZE.clients }, (_, index) => {
    const version = VERSIONS[index % VERSIONS.length] ?? 'phoenix'
    return new Client(version, proxy.port, Math.floor(index / VERSIONS.length) % 3 === 0)
  })
  onTestFinished(async () => void (await Promise.all(clients.map((client) => client.close()))))
  await until(() => clients.every(({ room }) => room.cursor() !== null))

  const over = new AbortController()
  const disturbing = disturb(proxy, troublesOf({ redis, nodes, proxy }), over.signal)
  const said: Promise<void>[] = []
  for (let n = 1; n <= SIZE.messages; n++) {
    said.push(nodes.say(n))
    await delay(1_000 / SIZE.perSecond)
  }
  await Promise.all(said)
  over.abort()
  await disturbing
  await until(() => clients.every(isReady))
  // The last one, which everybody hears.
  await nodes.say(SIZE.messages + 1)
  await until(() => clients.every(({ heard }) => heard.includes(SIZE.messages + 1))).catch(() => {
    const stuck = clients.filter(({ heard }) => !heard.includes(SIZE.messages + 1))
    throw new Error(`clients that did not come back: ${stuck.map(String).join(', ')}`)
  })
  const rejoins = clients.reduce((sum, { joins }) => sum + joins - 1, 0)
  process.stdout.write(`${JSON.stringify({ ...SIZE, rejoins, cuts: proxy.cuts })}\n`)
  expect(rejoins).toBeGreaterThan(SIZE.clients)
  return clients
}

function expectExact(clients: readonly Client[]): void {
  const [first] = clients
  const all = Array.from({ length: SIZE.messages + 1 }, (_, index) => index + 1)
  expect([...(first?.heard ?? [])].sort((a, b) => a - b)).toEqual(all)
  const wrong = clients.filter(({ heard }) => String(heard) !== String(first?.heard))
  expect(wrong.map(({ heard, gaps }) => [heard.length, new Set(heard).size, gaps])).toEqual([])
  expect(clients.flatMap(({ gaps }) => gaps)).toEqual([])
}

test('every client receives every message once and in one order, whichever connections are cut', {
  timeout: 600_000,
}, async () => {
  const clients = await hear(false, ({ redis, nodes, proxy }) => {
    const kill = (type: string) => () => redis.cli('CLIENT', 'KILL', 'TYPE', type)
    const stop = async () => {
      proxy.ports.delete(nodes.ports[0] ?? 0)
      await nodes.stop(0)
    }
    const start = async () => {
      await nodes.start(0)
      proxy.ports.add(nodes.ports[0] ?? 0)
    }
    return [
      ...[0.1, 0.3, 0.5, 0.6, 0.9].map((at) => ({ at, run: kill('pubsub') })),
      ...[0.2, 0.8].map((at) => ({ at, run: kill('normal') })),
      { at: 0.4, run: stop },
      { at: 0.55, run: start },
    ]
  })
  expectExact(clients)
})

test('the same holds if a durable Redis is killed', { timeout: 600_000 }, async () => {
  expectExact(await hear(true, ({ redis }) => [{ at: 0.5, run: () => redis.restart() }]))
})

test('if a Redis without durability is killed and comes back empty, every client that missed a message is told', {
  timeout: 600_000,
}, async () => {
  // Clients are told over several seconds. One that is told after the last message begins behind it.
  const isTold = ({ gaps }: Client) => gaps.length > 0
  const clients = await hear(
    false,
    ({ redis }) => [{ at: 0.5, run: () => redis.restart({ empty: true }) }],
    isTold,
  )
  for (const { heard, gaps } of clients) {
    expect(gaps.length).toBeGreaterThan(0)
    expect(new Set(gaps.map(({ from }) => from.epoch)).size).toBe(gaps.length)
    // One gap explains what is missing: all before it and after it is whole.
    const known = new Set(heard)
    const missing = Array.from({ length: SIZE.messages }, (_, index) => index + 1).filter(
      (n) => !known.has(n),
    )
    const between = Math.max(0, ...missing) - Math.min(...missing, SIZE.messages)
    expect(between).toBeLessThan(SIZE.perSecond * 20)
  }
})
