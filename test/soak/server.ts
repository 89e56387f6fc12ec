// Process of the server of a soak. It answers the run's commands with the resources that it holds.
import fastify, { type FastifyInstance } from 'fastify'
import { phoenix } from '../../server/index.ts'
import { metrics } from '../../server/metrics/index.ts'
import { collector, heldBytes } from '../helpers/memory.ts'
import { countsOf, handlesOf, objectsOf } from './held.ts'
import {
  BODY_MS,
  limitsOf,
  MAX_BUFFERED,
  MAX_WAITING_POSTS,
  MESSAGE_TIMEOUT_MS,
  WINDOW_MS,
} from './limits.ts'
import type { Sample } from './records.ts'
import { SoakPresence, soakSocket } from './rooms.ts'

/** Commands of the run. */
export type ServerCommand =
  /** Answered by the address. */
  | { do: 'listen' }
  /** Answered by `Counts`, of the endpoint alone. */
  | { do: 'count' }
  /** Answered by `Counts`, with the handles that keep the process running. */
  | { do: 'handles' }
  /** Answered by `Counts`, of objects in the heap. */
  | { do: 'objects' }
  /** Answered by a `Sample` without `at`. */
  | { do: 'sample' }
  /** Answered by the metrics in the text format of Prometheus. */
  | { do: 'metrics' }

async function build(steady: number): Promise<FastifyInstance> {
  // Read the address of a client from a header, so that the clients of one machine can have different addresses.
  const app = fastify({ trustProxy: 'loopback' })
  const socket = soakSocket(() => app.endpoint)
  const websocket = { maxBufferedBytes: MAX_BUFFERED, messageTimeout: MESSAGE_TIMEOUT_MS }
  const longpoll = { maxBufferedBytes: MAX_BUFFERED }
  const impatient = { windowMs: WINDOW_MS, bodyTimeout: BODY_MS, maxWaitingPosts: MAX_WAITING_POSTS }
  await app.register(phoenix, {
    sockets: {
      '/socket': { socket, websocket, longpoll: { ...longpoll, ...impatient } },
      // Use the longer default times for steady clients, because their polls may be late on a busy machine.
      '/patient': { socket, websocket: false, longpoll },
    },
    presences: [SoakPresence],
    limits: limitsOf(steady),
  })
  return app
}

const app = await build(Number(process.env['STEADY']))
const { registry } = metrics(app.endpoint)
const collect = collector()

function sample(): Omit<Sample, 'at'> {
  const held = heldBytes(collect)
  return { heldBytes: held, rssBytes: process.memoryUsage.rss(), counts: countsOf(app.endpoint) }
}

async function obey(command: ServerCommand): Promise<unknown> {
  switch (command.do) {
    case 'listen':
      return app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 })
    case 'count':
      return countsOf(app.endpoint)
    case 'handles':
      return handlesOf(app)
    case 'objects':
      return objectsOf()
    case 'sample':
      return sample()
    case 'metrics':
      return registry.metrics()
  }
}

process.on('message', (command: ServerCommand) => {
  void obey(command).then((answer) => process.send?.({ answer }))
})

// Nothing else may keep the process running.
process.once('SIGTERM', () => void app.close().then(() => process.disconnect()))
