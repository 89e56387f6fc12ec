import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { connect } from '../helpers/raw-client.ts'
import { startRedis } from '../helpers/redis.ts'
import { until } from '../helpers/until.ts'

const PERIOD_MS = 1_000

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ 'app/main': 'server/app/main.ts' })
})
afterAll(() => scripts.remove())

/** A node of the chat, and the periods in which somebody there has heard a ping. */
async function start(redisUrl: string) {
  const node = new OwnProcess(`${scripts.folder}/app/main.js`, {
    PORT: '0',
    HOST: '127.0.0.1',
    NOTIFY_EVERY_MS: String(PERIOD_MS),
    REDIS_URL: redisUrl,
  })
  const base = await node.line(/http:\/\/127\.0\.0\.1:\d+/)
  const { ws } = await connect(`${base.replace('http', 'ws')}/socket/websocket?vsn=2.0.0`)
  const periods: number[] = []
  ws.on('message', (frame) => {
    if (String(frame).includes('Background ping')) periods.push(Math.floor(Date.now() / PERIOD_MS))
  })
  ws.send('["1","1","room:global","phx_join",{}]')
  return { child: node.child, exited: node.exited, periods }
}

type Node = Awaited<ReturnType<typeof start>>

/** Wait until each node has received `count` more pings. */
async function hear(count: number, nodes: readonly Node[]): Promise<void> {
  const wanted = nodes.map(({ periods }) => periods.length + count)
  const isHeard = () => nodes.every(({ periods }, index) => periods.length >= (wanted[index] ?? 0))
  await until(isHeard, { timeout: (count + 10) * PERIOD_MS })
}

/** Each period since the first of these has had its ping, and none two. */
function expectEach(periods: readonly number[]): void {
  const [first = 0] = periods
  expect(periods).toEqual(Array.from(periods, (_, index) => first + index))
}

it('the message is sent once a period to the clients of all nodes, even after nodes were killed', async () => {
  const { url } = await startRedis()
  const nodes = await Promise.all([start(url), start(url), start(url)])
  // The first may come late in its period, when a node has just started.
  await hear(2, nodes)
  for (const { periods } of nodes) periods.length = 0

  for (const [index, { child, exited, periods }] of nodes.entries()) {
    await hear(4, nodes.slice(index))
    child.kill('SIGKILL')
    await exited
    expectEach(periods)
  }
})

it('while Redis is away, each node sends the message to its own clients', async () => {
  const redis = await startRedis()
  const nodes = await Promise.all([start(redis.url), start(redis.url)])
  await hear(2, nodes)
  await redis.kill()
  await hear(3, nodes)
  await redis.start()
  await hear(6, nodes)
  for (const { periods } of nodes) periods.length = 0
  await hear(4, nodes)
  for (const { periods } of nodes) expectEach(periods)
})
