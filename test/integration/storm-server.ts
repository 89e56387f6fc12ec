// A process with a server for storm.test.ts, which asks what it felt.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import fastify from 'fastify'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { defineSocket, defineUntypedChannel, phoenix, telemetry } from '../../server/index.ts'

/** The test asks for what was felt since it last asked. */
export type Question = { ask: 'report' }
export type Report = {
  connections: number
  channels: number
  /** The most joins that have waited. */
  waited: number
  /** Limits that were met, by name. */
  limits: Record<string, number>
  /** Milliseconds of event-loop delay. */
  longest: number
  p99: number
}

/** Resolution in milliseconds: a coarser clock has too few samples for a p99 of so short a time. */
const RESOLUTION_MS = 1

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
  waited = Math.max(waited, serverOf(app.endpoint).admission.waiting)
})

function report(): Report {
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
  const { sockets, channelCount: channels } = serverOf(app.endpoint)
  const figures = { longest: ms(delay.max), p99: ms(delay.percentile(99)) }
  const felt = { connections: sockets.size, channels, waited, limits, ...figures }
  waited = 0
  limits = {}
  delay.reset()
  return felt
}

process.on('message', (_question: Question) => process.send?.(report()))

process.stdout.write(`${await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })}\n`)
