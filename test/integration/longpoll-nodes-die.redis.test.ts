import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { answer, load } from '../conformance/checklist/official-client.ts'
import { timed } from '../helpers/clock.ts'
import { endAfterTest } from '../helpers/official-socket.ts'
import { bundle, OwnProcess, type Scripts } from '../helpers/own-process.ts'
import { type RawRequest, request } from '../helpers/raw-http.ts'
import { startRedis } from '../helpers/redis.ts'
import { roundRobin } from '../helpers/round-robin.ts'
import { until } from '../helpers/until.ts'
import { provideXmlHttpRequest } from '../helpers/xml-http-request.ts'

const VERSIONS = ['phoenix-1.4', 'phoenix-1.5', 'phoenix-1.6', 'phoenix-1.7', 'phoenix', 'phoenix']
const MESSAGES = 20

let scripts: Scripts
beforeAll(async () => {
  scripts = await bundle({ node: 'test/conformance/main.ts' })
})
afterAll(() => scripts.remove())

/** A node in a process of its own. */
type Node = { readonly process: OwnProcess; readonly base: string }

async function start(redisUrl: string): Promise<Node> {
  const env = { PORT: '0', HOST: '127.0.0.1', REDIS_URL: redisUrl }
  const process = new OwnProcess(`${scripts.folder}/node.js`, env)
  return { process, base: await process.line(/http:\/\/127\.0\.0\.1:\d+/) }
}

/** Two nodes that have found each other. */
async function two(): Promise<{ redisUrl: string; nodes: [Node, Node] }> {
  const { url: redisUrl } = await startRedis()
  const nodes = await Promise.all([start(redisUrl), start(redisUrl)])
  const [first, second] = nodes
  await Promise.all([found(first, second), found(second, first)])
  return { redisUrl, nodes }
}

/** Wait until a node receives requests that another node forwards to it. */
async function found(owner: Node, other: Node): Promise<void> {
  for (;;) {
    const session = await open(owner)
    if ((await session.post(other, '[null,"1","phoenix","heartbeat",{}]')).status === 200) return
  }
}

/** An official client by long-poll, what it hears, and how often it joined. */
async function guest(version: string, base: string, n: number) {
  const { Socket, LongPoll } = load(version)
  const socket = new Socket(`${base.replace('http', 'ws')}/socket`, { transport: LongPoll as never })
  endAfterTest(socket)
  socket.connect()
  const channel = socket.channel('room:m', {})
  const heard: string[] = []
  const say = (m: number) => channel.push('new_msg', { body: `${n}:${m}` })
  channel.on('new_msg', ({ body }: { body: string }) => {
    heard.push(body)
    // Clients before 1.7 send each message in a request of its own, and only what was heard has an order.
    const [by, m] = body.split(':').map(Number)
    if (by === n && m !== undefined && m < MESSAGES) say(m + 1)
  })
  let closings = 0
  socket.onClose(() => {
    closings += 1
  })
  await answer(channel.join())
  return { heard, say, closings: () => closings }
}

describe('clients of two nodes, without affinity', () => {
  it(`official clients (${VERSIONS.join(', ')}) chat by long-poll: nothing is lost, duplicated or out of order`, async () => {
    provideXmlHttpRequest()
    const { nodes } = await two()
    const proxy = await roundRobin(nodes.map(({ base }) => base))
    onTestFinished(() => proxy.close())
    const guests = await Promise.all(VERSIONS.map((version, n) => guest(version, proxy.base, n)))
    for (const { say } of guests) say(1)
    const isOver = () => guests.every(({ heard }) => heard.length >= VERSIONS.length * MESSAGES)
    await until(isOver, { timeout: 100_000 })
    const spoken = Array.from({ length: MESSAGES }, (_, m) => m + 1)
    for (const { heard } of guests) {
      for (const n of VERSIONS.keys()) {
        expect(heard.filter((body) => body.startsWith(`${n}:`))).toEqual(spoken.map((m) => `${n}:${m}`))
      }
    }
    expect(guests.map(({ closings }) => closings())).toEqual(VERSIONS.map(() => 0))
  })
})

type Answer = { status: number; messages: string[]; token: string }

/** A session that `owner` owns, in `room:m`; it shows the token that came last, as official clients do. */
async function open(owner: Node) {
  const url = (base: string) => `${base}/socket/longpoll?vsn=2.0.0`
  const ask = async (address: string, given?: RawRequest): Promise<Answer> =>
    JSON.parse((await request(address, given)).body)
  let { token } = await ask(url(owner.base))
  const own = ({ base }: Node) => `${url(base)}&token=${encodeURIComponent(token)}`
  const session = {
    async poll(node: Node): Promise<Answer> {
      const polled = await ask(own(node))
      if (polled.status === 200) token = polled.token
      return polled
    },
    post: (node: Node, ...frames: string[]): Promise<Answer> =>
      ask(own(node), {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: frames.join('\n'),
      }),
  }
  await session.post(owner, '["1","1","room:m","phx_join",{}]')
  expect((await session.poll(owner)).messages).toHaveLength(1)
  return session
}

const push = (n: number) => `["1","${n}","room:m","push_me",{"n":${n}}]`
const pushed = (n: number) => `["1",null,"room:m","pushed",{"n":${n}}]`

describe('a node that dies', () => {
  it('ends its sessions: requests for them are answered 410 at once (LONGPOLL-13)', async () => {
    const { nodes } = await two()
    const [owner, other] = nodes
    const session = await open(owner)
    const polled = session.poll(other)
    await session.post(other, push(1))
    expect((await polled).messages).toEqual([pushed(1)])
    const [held, killed] = [session.poll(other), owner.process.child]
    await request(`${other.base}/api/rooms`)
    killed.kill('SIGKILL')
    await owner.process.exited
    const [again, ms] = await timed(session.poll(other))
    expect(again.status).toBe(410)
    // Sooner than a node that hangs would be detected.
    expect(ms).toBeLessThan(3_000)
    expect(await session.post(other, push(2))).toEqual({ status: 410 })
    // The poll that waited there learns of it with its next question.
    expect(await timed(held)).toMatchObject([{ status: 410 }, expect.any(Number)])
  })

  it('or hangs is detected long before its lease of 30 seconds ends', async () => {
    const { nodes } = await two()
    const [owner, other] = nodes
    const session = await open(owner)
    const held = session.poll(other)
    await session.post(other, '["1","2","room:m","quiet",{}]')
    owner.process.child.kill('SIGSTOP')
    onTestFinished(() => void owner.process.child.kill('SIGCONT'))
    const asked = [held, session.post(other, push(1)), session.poll(other)]
    for (const [{ status }, ms] of await Promise.all(asked.map(timed))) {
      expect(status).toBe(410)
      expect(ms).toBeLessThan(15_000)
    }
  })

  it('while it forwards a poll loses no message', async () => {
    const { nodes } = await two()
    const [owner, carrier] = nodes
    const session = await open(owner)
    const held = session.poll(carrier).catch(() => 'hung up')
    await session.post(carrier, '["1","2","room:m","quiet",{}]')
    carrier.process.child.kill('SIGKILL')
    expect(await held).toBe('hung up')
    await session.post(owner, push(1), push(2))
    const [{ messages }, ms] = await timed(session.poll(owner))
    expect(messages).toEqual([pushed(1), pushed(2)])
    expect(ms).toBeLessThan(8_000)
  })

  it('at any moment loses no message, and none is delivered twice (LONGPOLL-12)', async () => {
    const { redisUrl, nodes } = await two()
    const [owner, ...carriers] = [
      ...nodes,
      await start(redisUrl),
      await start(redisUrl),
      await start(redisUrl),
    ]
    const session = await open(owner)
    const heard: string[] = []
    let said = 0
    let isOver = false
    const saying = (async () => {
      while (!isOver) {
        said += 1
        await session.post(owner, push(said))
      }
    })()
    for (const carrier of carriers) {
      // Somewhere in the midst of its work.
      const killed = heard.length + 50 + Math.floor(Math.random() * 20)
      for (;;) {
        const polled = session.poll(carrier)
        if (heard.length >= killed) carrier.process.child.kill('SIGKILL')
        const given = await polled.catch(() => null)
        if (given === null) break
        heard.push(...given.messages)
      }
    }
    isOver = true
    await saying
    while (heard.length < said) heard.push(...(await session.poll(owner)).messages)
    expect(heard).toEqual(Array.from({ length: said }, (_, n) => pushed(n + 1)))
  })
})
