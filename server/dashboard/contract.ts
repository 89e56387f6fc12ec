import { type Static, Type } from 'typebox'
import { defineContract } from '../../protocol/index.ts'
import { Event } from '../admin/event.ts'
import { NodeInfo } from '../admin/node-info.ts'

/** Milliseconds between two readings of the figures while the dashboard is open. */
export const SAMPLE_EVERY_MS = 1_000

/** Rates per second: `in` counts what the node receives, `out` counts what the node sends. */
const PerSecond = Type.Object({ in: Type.Number(), out: Type.Number() })

const Worker = Type.Object({
  id: Type.String(),
  status: Type.Enum(['starting', 'running', 'stopping', 'stopped']),
  restarts: Type.Integer(),
})

/** Figures of one node at one time. The connections and messages of the dashboard itself are not included. */
export const Figures = Type.Object({
  at: Type.Number({ description: 'Milliseconds since 1970' }),
  connections: Type.Object({ websocket: Type.Integer(), longpoll: Type.Integer() }),
  messages: PerSecond,
  bytes: PerSecond,
  latency: Type.Union([Type.Null(), Type.Object({ mean: Type.Number(), p99: Type.Number() })], {
    description: 'Duration of handler calls in the last second, in milliseconds; null if no handler ran',
  }),
  loopDelay: Type.Object({ mean: Type.Number(), max: Type.Number() }, { description: 'Milliseconds' }),
  memory: Type.Object({ rss: Type.Number(), heap: Type.Number() }, { description: 'Bytes' }),
  slowConsumers: Type.Integer({
    description:
      'Number of connections closed and frames dropped because clients read too slowly, ' +
      'counted while a dashboard is open',
  }),
  refusedJoins: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer() }), {
    description: 'Number of refused joins by reason, counted while a dashboard is open',
  }),
  presences: Type.Array(Type.Object({ name: Type.String(), size: Type.Integer() })),
  workers: Type.Array(Worker),
})

/**
 * All nodes that have answered. The first node is the node that the page is connected to. The figures of a node are
 * null until the node has read its counters twice, because rates need two readings.
 */
const Nodes = Type.Object({
  nodes: Type.Array(Type.Object({ node: NodeInfo, figures: Type.Union([Figures, Type.Null()]) })),
})

/** Topics that have the most members in the cluster. */
export const Topics = Type.Object({
  topics: Type.Array(
    Type.Object({
      topic: Type.String(),
      count: Type.Integer({ description: 'Joined channels' }),
      members: Type.Array(Type.Object({ name: Type.String(), connections: Type.Integer() }), {
        description: 'Up to 20 presences of the topic, with the number of connections of each',
      }),
      present: Type.Integer({ description: 'Total number of presences of the topic' }),
    }),
  ),
  isAll: Type.Boolean({ description: 'True if `topics` contains all topics of the cluster' }),
})

/** Entry of the frame log: a frame of one connection, or a broadcast to all members of a topic on a node. */
export const LoggedFrame = Type.Object({
  at: Type.Number({ description: 'Milliseconds since 1970' }),
  node: Type.String(),
  direction: Type.Enum(['join', 'in', 'out', 'broadcast']),
  topic: Type.String(),
  event: Type.String(),
  socketId: Type.Union([Type.String(), Type.Null()]),
  payload: Type.String({
    description:
      'JSON in which secret values are hidden, cut after 2,000 characters; ' +
      'empty for a binary frame that the server has sent',
  }),
})

/** Selection of the frames to log: the frames of one topic or of one socket id. */
export const FrameFilter = Type.Object({
  by: Type.Enum(['topic', 'socket']),
  value: Type.String({ maxLength: 1_024 }),
})

const Text = Type.String({ minLength: 1, maxLength: 1_024 })
const Done = Type.Object({ done: Type.Boolean() })

export type { NodeInfo } from '../admin/node-info.ts'
export type Figures = Static<typeof Figures>
export type Nodes = Static<typeof Nodes>
export type Topics = Static<typeof Topics>
export type LoggedFrame = Static<typeof LoggedFrame>
export type FrameFilter = Static<typeof FrameFilter>

export const Dashboard = defineContract({
  topic: 'dashboard',
  reply: NodeInfo,
  incoming: {
    log: { payload: Type.Union([FrameFilter, Type.Object({ by: Type.Literal('nothing') })]), reply: Done },
    disconnect: { payload: Type.Object({ socketId: Text }), reply: Done },
    broadcast: {
      payload: Type.Object({
        topic: Text,
        event: Event,
        payload: Type.Object({}, { additionalProperties: true }),
      }),
      reply: Done,
    },
    restart: { payload: Type.Object({ node: Text, worker: Text }), reply: Done },
  },
  outgoing: { nodes: Nodes, topics: Topics, frames: Type.Object({ frames: Type.Array(LoggedFrame) }) },
})
