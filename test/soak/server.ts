// The server of a soak, in a process of its own: it tells the run what it holds.
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
  /** Answered by `Counts`, with what keeps the process running. */
  | { do: 'handles' }
  /** Answered by `Counts`, of objects in the heap. */
  | { do: 'objects' }
  /** Answered by a `Sample`, but for its time. */
  | { do: 'sample' }
  /** Answered by a text as Prometheus reads it. */
  | { do: 'metrics' }

async function build(steady: number): Promise<FastifyInstance> {
  // Addresses are told apart by a header, which works on machines with one address too.
  const app = fastify({ trustProxy: 'loopback' })
  const socket = soakSocket(() => app.endpoint)
  const websocket = { maxBufferedBytes: MAX_BUFFERED, messageTimeout: MESSAGE_TIMEOUT_MS }
  const longpoll = { maxBufferedBytes: MAX_BUFFERED }
  const impatient = { windowMs: WINDOW_MS, bodyTimeout: BODY_MS, maxWaitingPosts: MAX_WAITING_POSTS }
  await app.register(phoenix, {
    sockets: {
      '/socket': { socket, websocket, longpoll: { ...longpoll, ...impatient } },
      // Steady clients must not be dropped on a busy machine, where polls may be late.
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
