// Server of `bench:metrics`: a room that broadcasts and replies, with metrics that can be switched on and off.
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { Type } from 'typebox'
import { answer } from './answer.mjs'

const dist = (/** @type {string} */ name) => String(new URL(`../dist/${name}.js`, import.meta.url))
/** @type {typeof import('../server/index.ts')} */
const { defineChannel, defineContract, defineSocket, phoenix } = await import(dist('index'))
/** @type {typeof import('../server/metrics/index.ts')} */
const { metrics } = await import(dist('metrics'))

/** Milliseconds to wait after metrics are switched on or off, because V8 then recompiles functions. */
const SETTLE = 50

const Anything = Type.Unknown()
const Message = Type.Object({ body: Type.String() })
const Room = defineContract({
  topic: 'room:*',
  incoming: { new_msg: { payload: Message }, echo: { payload: Anything, reply: Anything } },
  outgoing: { new_msg: Message },
})

let units = 0
const RoomChannel = defineChannel(Room, {
  join: () => ({ ok: {} }),
  handleIn: {
    new_msg({ body }, socket) {
      units += 1
      socket.broadcast('new_msg', { body })
    },
    echo(payload) {
      units += 1
      return { ok: payload }
    },
  },
})

const app = fastify({ logger: { level: 'error' } })
const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(RoomChannel)
// Raise the timeout, because the clients of the generator send no heartbeats.
const websocket = { timeout: 3_600_000 }
await app.register(phoenix, { sockets: { '/socket': { socket, websocket } } })
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })

/**
 * Measures the CPU µs per message in one slice of time, with or without metrics. A slice with metrics also includes
 * one scrape, fifteen times as often as Prometheus would scrape.
 * @param {boolean} isOn
 * @param {number} ms
 */
async function slice(isOn, ms) {
  const running = isOn ? metrics(app.endpoint) : null
  await sleep(SETTLE)
  const before = { units, cpu: process.cpuUsage() }
  await sleep(ms)
  await running?.registry.metrics()
  const { user, system } = process.cpuUsage(before.cpu)
  running?.stop()
  return (user + system) / (units - before.units)
}

answer({
  /**
   * Measures pairs of slices, in alternating order. Resolves with a ratio per pair: the cost with metrics divided by
   * that without. If `isOn` is false, both slices are without metrics.
   */
  async pairs(/** @type {{ count: number, ms: number, isOn: boolean }} */ { count, ms, isOn }) {
    const ratios = []
    for (let pair = 0; pair < count; pair++) {
      const isSecond = pair % 2 === 1
      const first = await slice(isOn && isSecond, ms)
      const second = await slice(isOn && !isSecond, ms)
      ratios.push(isSecond ? first / second : second / first)
    }
    return ratios
  },
})
