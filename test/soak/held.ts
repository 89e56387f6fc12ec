import { Socket as NetSocket } from 'node:net'
import { queryObjects } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { Channel } from '../../server/channel/channel.ts'
import { serverOf } from '../../server/endpoint/endpoint.ts'
import type { Endpoint } from '../../server/index.ts'
import { Socket } from '../../server/socket/socket.ts'
import { LongPollSession } from '../../server/transport/longpoll-session.ts'
import type { Counts } from '../load/counts.ts'

/** Count the resources that an endpoint holds for its clients. */
export function countsOf(endpoint: Endpoint): Counts {
  const { sockets, channelCount, pubsub, trackers, admission } = serverOf(endpoint)
  const topics = [...pubsub.topics('')]
  const subscriptions = topics.reduce((sum, topic) => sum + pubsub.subscribers(topic).size, 0)
  const presences = [...trackers].reduce((sum, { size }) => sum + size, 0)
  return {
    sockets: sockets.size,
    channels: channelCount,
    topics: topics.length,
    subscriptions,
    presences,
    'waiting joins': admission.waiting,
  }
}

/** Count these resources, the connections, and the handles that keep the process running. */
export async function handlesOf({ endpoint, server }: FastifyInstance): Promise<Counts> {
  const counts: Record<string, number> = { ...countsOf(endpoint) }
  counts['connections'] = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
  for (const resource of process.getActiveResourcesInfo()) counts[resource] = (counts[resource] ?? 0) + 1
  return counts
}

/** Count our objects that are still in the heap. This is slow. */
export function objectsOf(): Counts {
  // Count timers too, because `handlesOf` does not count unreferenced timers (`unref`).
  const timer = setTimeout(() => {}, 0)
  const Timer = timer.constructor
  clearTimeout(timer)
  const types = [Timer, NetSocket, WebSocket, Socket, Channel, LongPollSession]
  return Object.fromEntries(
    types.map((type) => [`${type.name} objects`, queryObjects(type, { format: 'count' })]),
  )
}
