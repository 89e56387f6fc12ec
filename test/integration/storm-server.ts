// A process with a server for storm.test.ts, which drops its clients and asks what it felt.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import fastify from 'fastify'
import { defineSocket, defineUntypedChannel, phoenix, telemetry } from '../../server/index.ts'

/** What the test asks; each is answered. */
export type Question = { ask: 'drop' } | { ask: 'report' }
export type Report = {
  connections: number
  channels: number
  /** The most joins that have waited. */
  waited: number
  /** Limits that were met since the drop, by name. */
  limits: Record<string, number>
  /** Milliseconds of event-loop delay since the drop. */
  longest: number
  p99: number
}

const RESOLUTION_MS = 10

const Room = defineUntypedChannel('room:*', {
  async join(_params, socket) {
    await Promise.resolve()
    socket.sendInfo('after_join')
    return { ok: {} }
  },
  handleInfo: {
    after_join: (_value, socket) => socket.push('welcome', { topic: socket.topic }),
  },
})

const app = fastify()
const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(Room)
await app.register(phoenix, { sockets: { '/socket': { socket, longpoll: true } } })
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
let waited = 0
let limits: Record<string, number> = {}
telemetry.limitReached.subscribe(({ limit }) => {
  limits[limit] = (limits[limit] ?? 0) + 1
})
telemetry.channelJoining.subscribe(() => {
  waited = Math.max(waited, app.endpoint.admission.waiting)
})

function drop(): void {
  waited = 0
  limits = {}
  for (const each of [...app.endpoint.sockets]) each.close(1012, 'closed')
  // What the test does to the loop is not the storm.
  setImmediate(() => delay.reset())
}

function report(): Report {
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
  const { sockets, channelCount: channels } = app.endpoint
  const figures = { longest: ms(delay.max), p99: ms(delay.percentile(99)) }
  return { connections: sockets.size, channels, waited, limits, ...figures }
}

process.on('message', ({ ask }: Question) => {
  if (ask === 'drop') drop()
  process.send?.(report())
})

process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })}\n`)
