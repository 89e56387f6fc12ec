import { type Static, Type } from 'typebox'
import { defineContract } from '../../../protocol/index.ts'

/** Milliseconds between two readings while somebody watches. */
export const SAMPLE_EVERY_MS = 1_000

/** Which process is shown: of several, the one that the page has reached. */
export const NodeInfo = Type.Object({
  id: Type.String({ description: 'Id of this process, unique in the cluster, new on each start' }),
  host: Type.String(),
  pid: Type.Integer(),
  version: Type.String({ description: 'Node version' }),
  startedAt: Type.Number({ description: 'Milliseconds since 1970' }),
})

/** What comes in and what goes out, in a second. */
const PerSecond = Type.Object({ in: Type.Number(), out: Type.Number() })

const Worker = Type.Object({
  id: Type.String(),
  status: Type.Enum(['starting', 'running', 'stopping', 'stopped']),
  restarts: Type.Integer(),
})

/** One reading. What comes and goes on the dashboard itself is in no figure but the connections. */
export const Figures = Type.Object({
  at: Type.Number({ description: 'Milliseconds since 1970' }),
  connections: Type.Object({ websocket: Type.Integer(), longpoll: Type.Integer() }),
  messages: PerSecond,
  bytes: PerSecond,
  latency: Type.Union([Type.Null(), Type.Object({ mean: Type.Number(), p99: Type.Number() })], {
    description: 'Duration of handlers in milliseconds; null if none ran',
  }),
  loopDelay: Type.Object({ mean: Type.Number(), max: Type.Number() }, { description: 'Milliseconds' }),
  memory: Type.Object({ rss: Type.Number(), heap: Type.Number() }, { description: 'Bytes' }),
  workers: Type.Array(Worker),
})

/** The rooms of the whole cluster, as far as they are listed. */
export const Rooms = Type.Object({
  rooms: Type.Array(
    Type.Object({
      room: Type.String(),
      members: Type.Array(Type.Object({ name: Type.String(), connections: Type.Integer() })),
      guests: Type.Integer(),
      count: Type.Integer({ description: 'Members and guests, including those not listed' }),
    }),
  ),
  unlisted: Type.Integer({ description: 'Number of further rooms' }),
})

export type NodeInfo = Static<typeof NodeInfo>
export type Figures = Static<typeof Figures>
export type Rooms = Static<typeof Rooms>

export const Dashboard = defineContract({
  topic: 'dashboard',
  reply: NodeInfo,
  outgoing: { figures: Figures, rooms: Rooms },
})
