// Process of one node of a chaos run. It serves the rooms, and answers the run's commands about its state.

import fastify, { type FastifyInstance } from 'fastify'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import { defineSocket, type Engine, phoenix } from '../../server/index.ts'
import { RedisEngine } from '../../server/redis/index.ts'
import { heldBytes } from '../helpers/memory.ts'
import type { Held, ViewRecord } from './records.ts'
import { lineOf } from './room.ts'
import { ChaosPresence, Rooms } from './rooms.ts'

/** Commands of the run. */
export type NodeCommand =
  /** Answered by the address. */
  | { do: 'listen'; port: number }
  /** Answered by `NodeStatus`. */
  | { do: 'status' }
  /** Presences in each of these rooms, as this node sees them: `ViewRecord[]`. */
  | { do: 'views'; rooms: readonly string[] }
  /** Answered by `Held`, after a forced collection. */
  | { do: 'held' }
  /** Make some errors from now on. */
  | { do: 'err' }

/** State of the node's engine, and stays of the clients that have joined at the node: `id/stay`. */
export type NodeStatus = { readonly engine: string; readonly stays: readonly string[] }

function engineOf({ REDIS_URL: url = '', LEASE_MS: lease, LINGER_MS: linger }: NodeJS.ProcessEnv): Engine {
  // Use `durable`, because the Redis server of a run writes each command to its disk before it replies.
  return new RedisEngine({ url, durable: true, lease: Number(lease), linger: Number(linger) })
}

async function build(env: NodeJS.ProcessEnv): Promise<{ app: FastifyInstance; rooms: Rooms }> {
  const app = fastify({ logger: { level: 'warn' } })
  const rooms = new Rooms(() => app.endpoint)
  const socket = defineSocket({ connect: () => ({ ok: {} }) }).channel(rooms.channel)
  await app.register(phoenix, {
    engine: engineOf(env),
    presences: [ChaosPresence],
    secret: 'the nodes of a chaos run share it',
    sockets: { '/socket': { socket, longpoll: { windowMs: Number(env['WINDOW_MS']) } } },
  })
  return { app, rooms }
}

async function viewOf({ endpoint }: FastifyInstance, room: string): Promise<ViewRecord> {
  const list = await ChaosPresence.list(endpoint, room)
  const lines = Object.entries(list).flatMap(([id, { metas }]) => metas.map((meta) => lineOf(id, meta)))
  return { of: NAME, room, view: lines.sort() }
}

function held({ endpoint }: FastifyInstance): Held {
  const counts: Record<string, number> = {
    'connected sockets': serverOf(endpoint).sockets.size,
    'subscribed topics': [...serverOf(endpoint).pubsub.topics('')].length,
  }
  for (const resource of process.getActiveResourcesInfo()) counts[resource] = (counts[resource] ?? 0) + 1
  return { heapBytes: heldBytes(), counts }
}

const NAME = process.env['NODE_NAME'] ?? 'a node'
const { app, rooms } = await build(process.env)

async function obey(command: NodeCommand): Promise<unknown> {
  switch (command.do) {
    case 'listen':
      return app.listen({ port: command.port, host: '127.0.0.1', backlog: 4_096 })
    case 'status':
      return { engine: app.endpoint.engine.state, stays: [...rooms.stays.values()] } satisfies NodeStatus
    case 'views':
      return Promise.all(command.rooms.map((room) => viewOf(app, room)))
    case 'held':
      return held(app)
    case 'err':
      return rooms.err()
  }
}

process.on('message', (command: NodeCommand) => {
  void obey(command).then((answer) => process.send?.({ answer }))
})
