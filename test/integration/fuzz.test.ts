import { once } from 'node:events'
import fc from 'fast-check'
import { Type } from 'typebox'
import { expect, it, onTestFinished } from 'vitest'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import {
  defineChannel,
  defineContract,
  definePresence,
  defineSocket,
  defineUntypedChannel,
  type Endpoint,
} from '../../server/index.ts'
import { type Attack, attack } from '../helpers/attacks.ts'
import { heldBytes } from '../helpers/memory.ts'
import { RawClient } from '../helpers/raw-client.ts'
import { request, upgrade } from '../helpers/raw-http.ts'
import { type ChannelServer, serveSocket } from '../helpers/serve-channel.ts'
import { until } from '../helpers/until.ts'

/** `FUZZ_RUNS=100000` for the long run; a seed makes the same inputs again. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 3_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101)
const BATCH = 50
const MiB = 1_048_576

const Typed = defineContract({
  topic: 'typed:*',
  params: Type.Object({ key: Type.String() }),
  incoming: { track: { payload: Type.Object({ key: Type.String(), n: Type.Integer() }) } },
  presence: Type.Object({ n: Type.Integer() }),
})
const TypedPresence = definePresence(Typed)

const TypedChannel = defineChannel(Typed, {
  join({ key }, socket) {
    socket.sendInfo('after_join', key)
    return { ok: {} }
  },
  handleIn: {
    track({ key, n }, socket) {
      if ('error' in TypedPresence.track(socket, key, { n })) TypedPresence.update(socket, key, { n })
    },
  },
  handleInfo: {
    after_join(key: string, socket) {
      TypedPresence.track(socket, key, { n: 0 })
      TypedPresence.pushState(socket)
    },
  },
})

const later = <T>(value: T) => new Promise<T>((resolve) => setImmediate(resolve, value))

const RoomChannel = defineUntypedChannel('room:*', {
  join(_params, socket) {
    if (socket.subtopic === 'crashes') throw new Error('crashed in join')
    if (socket.subtopic === 'refused') return { error: { reason: 'refused' } }
    return socket.subtopic === 'slow' ? later({ ok: {} }) : { ok: {} }
  },
  handleIn: {
    echo: (payload) => ({ ok: payload }),
    crash() {
      throw new Error('crashed in handleIn')
    },
    slow: (payload) => later({ ok: payload }),
    say: (payload, socket) => socket.broadcast('said', payload),
    say_out: (payload, socket) => socket.broadcastFrom('out', payload),
    stop: (payload) => ({ stop: payload === null ? 'normal' : String(payload) }),
  },
  handleOut: { out: (payload, socket) => later(socket.push('out', payload)) },
})

const QuietChannel = defineUntypedChannel('quiet:*', {
  join: () => ({ ok: {} }),
  handleIn: { echo: (payload) => ({ ok: payload }) },
})

const TargetSocket = defineSocket({
  params: Type.Unsafe<Record<string, unknown>>({}),
  connect(params) {
    if ('crash' in params) throw new Error('crashed in connect')
    return 'refuse' in params ? { error: 'refused' } : { ok: {} }
  },
})
  .channel(RoomChannel)
  .channel(TypedChannel)
  .channel(QuietChannel)

type PollAttack = Extract<Attack, { by: 'poll' }>
type MessageAttack = Extract<Attack, { by: 'message' }>

/** A WebSocket that attacks, and is made anew when the server has ended it, as it may. */
class Line {
  readonly #server: ChannelServer
  readonly #vsn: 1 | 2
  #client: RawClient | null = null

  constructor(server: ChannelServer, vsn: 1 | 2) {
    this.#server = server
    this.#vsn = vsn
  }

  /** Send messages in one packet, and wait until the server is done with them. */
  async send(messages: (string | Uint8Array)[]): Promise<void> {
    const client = this.#client ?? (await open(this.#server, this.#vsn))
    this.#client = client
    for (const topic of ['room:a', 'typed:a']) {
      const [event, payload, ref] = ['phx_join', { key: 'u1' }, '1']
      const join = this.#vsn === 1 ? { topic, event, payload, ref } : [ref, ref, topic, event, payload]
      client.send(JSON.stringify(join))
    }
    const beat = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"settled"}'
    client.send(...messages, this.#vsn === 1 ? beat : '[null,"settled","phoenix","heartbeat",{}]')
    try {
      let frame: string | Buffer = ''
      while (!frame.includes('"settled"')) frame = await client.next()
    } catch {
      expect([1007, 1009, 1011]).toContain(await client.closed)
      this.#client = null
    }
  }

  end(): void {
    this.#client?.ws.terminate()
    this.#client = null
  }
}

async function open(server: ChannelServer, vsn: 1 | 2 = 2): Promise<RawClient> {
  const client = new RawClient(`${server.base.replace('http', 'ws')}/socket/websocket?vsn=${vsn}.0.0`)
  await once(client.ws, 'open')
  client.ws.on('error', () => {})
  return client
}

/** Sends attacks, a batch at a time. */
class Attacker {
  readonly #server: ChannelServer
  readonly #lines: readonly { line: Line; isFor: (attack: MessageAttack) => boolean; isSound: boolean }[]
  #token = ''

  constructor(server: ChannelServer) {
    this.#server = server
    this.#lines = ([1, 2] as const).flatMap((vsn) =>
      [true, false].map((isSound) => ({
        line: new Line(server, vsn),
        isFor: (given) => given.vsn === vsn && given.isSound === isSound,
        isSound,
      })),
    )
  }

  async send(attacks: readonly Attack[]): Promise<void> {
    const messages = attacks.filter((given) => given.by === 'message')
    const lines = this.#lines.map(async ({ line, isFor, isSound }) => {
      const data = messages.filter(isFor).map((given) => given.data)
      if (isSound) return line.send(data)
      // Data after an unsound frame is not read.
      for (const each of data) await line.send([each])
    })
    const alone = attacks.map((given) => this.#sendAlone(given))
    const polls = attacks.filter((given) => given.by === 'poll')
    await Promise.all([...lines, ...alone, this.#pollAll(polls)])
  }

  end(): void {
    for (const { line } of this.#lines) line.end()
  }

  async #sendAlone(given: Attack): Promise<void> {
    if (given.by === 'bytes') return this.#sendBytes(given.data)
    if (given.by !== 'handshake') return
    const { status } = await upgrade(`${this.#server.base}/socket/websocket?${given.query}`, given.headers)
    expect([101, 200, 400, 403, 404, 426, 500]).toContain(status)
  }

  /** One after the other, because many of them end their session. */
  async #pollAll(polls: readonly PollAttack[]): Promise<void> {
    for (const poll of polls) {
      const status = await this.#poll(poll)
      if (status !== 410 || poll.query !== 'token') continue
      this.#token = await this.#session()
      await this.#poll(poll)
    }
  }

  /** The status in the body, or of the answer if that has none. */
  async #poll({ query, type, body }: PollAttack): Promise<number> {
    const asked = query === 'token' ? `vsn=2.0.0&token=${this.#token}` : query
    const post = { method: 'POST', headers: { 'content-type': type }, body: body ?? '' }
    const answer = await request(`${this.#server.base}/socket/longpoll?${asked}`, body === null ? {} : post)
    expect([200, 400, 500]).toContain(answer.status)
    return answer.status === 200 ? JSON.parse(answer.body).status : answer.status
  }

  /** The token of a new long-poll session that has joined. */
  async #session(): Promise<string> {
    const url = `${this.#server.base}/socket/longpoll?vsn=2.0.0`
    const { token } = JSON.parse((await request(url)).body)
    await request(`${url}&token=${token}`, { method: 'POST', body: '["1","1","room:a","phx_join",{}]' })
    return token
  }

  /** Send bytes. A message that they leave unfinished ends with the connection. */
  async #sendBytes(data: Uint8Array): Promise<void> {
    const client = await open(this.#server)
    client.tcp?.end(data)
    await client.closed
  }
}

/** Collect uncaught errors and rejections until the end of the test. */
function collectFaults(): unknown[] {
  const faults: unknown[] = []
  const collect = (fault: unknown) => void faults.push(fault)
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, collect)
    onTestFinished(() => void process.off(event, collect))
  }
  return faults
}

/** The bystander is answered and hears its broadcasts, and nothing else. */
async function lookAt(
  bystander: RawClient,
  { endpoint, n }: { endpoint: Endpoint; n: number },
): Promise<void> {
  bystander.send(`["1","${n}","quiet:here","echo",{"n":${n}}]`)
  void endpoint.broadcast('quiet:here', 'tick', { n })
  expect(await bystander.next()).toBe(`[null,null,"quiet:here","tick",{"n":${n}}]`)
  const reply = `{"response":{"n":${n}},"status":"ok"}`
  expect(await bystander.next()).toBe(`["1","${n}","quiet:here","phx_reply",${reply}]`)
}

it(
  `${RUNS} hostile inputs of seed ${SEED} do not affect another client, the memory or the process`,
  async () => {
    const faults = collectFaults()
    const server = await serveSocket(TargetSocket, {
      longpoll: { windowMs: 50 },
      authToken: true,
      limits: { sweepInterval: 20 },
    })
    const { endpoint } = server.app
    const [bystander] = await server.connect()
    bystander.send('["1","1","quiet:here","phx_join",{}]')
    await bystander.next()
    const attacker = new Attacker(server)
    let held = 0
    for (let run = 0; run < RUNS; run += BATCH) {
      const attacks = fc.sample(attack, { seed: SEED + run, numRuns: BATCH })
      try {
        await attacker.send(attacks)
        await lookAt(bystander, { endpoint, n: run })
        expect(faults).toEqual([])
      } catch (error) {
        throw new Error(`in the ${BATCH} attacks of seed ${SEED + run}`, { cause: error })
      }
      // By then all that is made once has been made.
      if (run === Math.floor(RUNS / 2 / BATCH) * BATCH) held = await idleBytes(attacker, endpoint)
    }
    const grown = (await idleBytes(attacker, endpoint)) - held
    process.stdout.write(
      `fuzz, ${RUNS} inputs: grown by ${(grown / MiB).toFixed(2)} MiB in the second half\n`,
    )
    expect(grown).toBeLessThan(2 * MiB)
    expect(endpoint.localTopics()).toEqual(['quiet:here'])
    await bystander.nothing()
  },
  60_000 + RUNS * 10,
)

/** Bytes in use while only the bystander is connected. */
async function idleBytes(attacker: Attacker, endpoint: Endpoint): Promise<number> {
  attacker.end()
  await until(() => serverOf(endpoint).sockets.size === 1)
  return heldBytes()
}
