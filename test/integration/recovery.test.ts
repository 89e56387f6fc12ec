import { createRequire } from 'node:module'
import fastify from 'fastify'
import { Type } from 'typebox'
import { expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { recoverable } from '../../client/typed.ts'
import { defineChannel, defineContract, defineSocket, phoenix } from '../../server/index.ts'
import { type Cut, CuttingProxy } from '../helpers/cutting-proxy.ts'
import { endAfterTest, SOON } from '../helpers/official-socket.ts'
import { until } from '../helpers/until.ts'

const Said = Type.Object({ n: Type.Integer() })
const Log = defineContract({
  topic: 'log:*',
  incoming: { say_from: { payload: Said } },
  outgoing: { msg: Said, odd: Said },
  history: { events: ['msg', 'odd'], size: 1_000 },
})
const LogChannel = defineChannel(Log, {
  join: () => ({ ok: {} }),
  handleIn: { say_from: ({ n }, socket) => socket.broadcastFrom('msg', { n }) },
  handleOut: {
    async odd({ n }, socket) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (n % 2 === 1) socket.push('odd', { n })
    },
  },
})

const MESSAGES = 400
const versions = ['phoenix-1.3', 'phoenix-1.6', 'phoenix'].flatMap((version) =>
  Array.from({ length: 4 }, () => version),
)
const cuts: readonly Cut[] = ['reset', 'in the middle', 'half-open']
const require = createRequire(import.meta.url)

/** Numbers below `below`, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
}

it.each([1, 2, 3])(
  'twelve official clients miss no message and receive none twice, whichever connections are cut (seed %i)',
  async (seed) => {
    const app = fastify()
    onTestFinished(() => app.close())
    const UserSocket = defineSocket({ connect: () => ({ ok: {} }) }).channel(LogChannel)
    await app.register(phoenix, { sockets: { '/socket': UserSocket } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const proxy = await new CuttingProxy().open(Object(app.server.address()).port)
    const gaps: unknown[] = []
    const clients = versions.map((version) => {
      const { Socket } = require(version) as typeof import('phoenix')
      const fast = { ...SOON, transport: WebSocket, timeout: 1_000 }
      const socket = new Socket(`ws://${proxy.host}/socket`, fast as object)
      endAfterTest(socket)
      socket.connect()
      const room = recoverable(socket, 'log:a', {}, { onGap: (gap) => void gaps.push(gap) })
      const heard: number[] = []
      for (const event of ['msg', 'odd']) room.on(event, (payload) => void heard.push(Object(payload).n))
      room.join()
      return { room, heard }
    })
    await until(() => clients.every(({ room }) => room.state === 'joined'))
    const random = numbers(seed)
    const expected: number[] = []
    for (let n = 1; n <= MESSAGES; n++) {
      const event = random(4) === 0 ? 'odd' : 'msg'
      if (event === 'msg' || n % 2 === 1) expected.push(n)
      await app.endpoint.broadcast(Log, 'log:a', event, { n })
      if (random(4) === 0) proxy.cut(random(100), cuts[random(3)] ?? 'reset')
      if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve, random(8)))
    }
    await until(() => clients.every(({ heard }) => heard.length >= expected.length))
    await until(() => clients.every(({ room }) => room.state === 'joined'))
    for (const { heard } of clients) expect(heard).toEqual(expected)
    expect(gaps).toEqual([])
  },
)
