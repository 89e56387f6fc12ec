import { fileURLToPath } from 'node:url'
import { childrenOf, socketsOf } from './processes.mjs'

/**
 * @typedef {import('./lab.mjs').Lab} Lab
 * @typedef {import('./lab.mjs').Load} Load
 * @typedef {{ figures: import('./lab.mjs').Figure[], shares?: number[] }} Outcome shares in per cent
 *
 * @typedef {object} Comparison
 * @property {readonly Load[]} loads
 * @property {(lab: Lab, loads: readonly Load[]) => Promise<Outcome>} one
 * @property {(lab: Lab, loads: readonly Load[]) => Promise<Outcome>} many
 */

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url))
const REFERENCE_APP = path('../../dist/conformance/main.js')
const CHAT = path('../../dist/app/main.js')
const WORKERS = 2

const room = { protocol: 'phoenix', rooms: 1, roomSize: 1_000 }
const rooms = { protocol: 'phoenix', rooms: 2, roomSize: 1_000 }

/** Compares the cost of a broadcast for the node of its subscribers: published on this node, or on another node. */
const remote = {
  loads: [
    { title: 'fan-out to 1,000, window 1', atMost: 1.15, warmup: { messages: 100 }, load: { messages: 400 } },
    {
      // This load has no target, because the messages per write depend on when the other processes get their core.
      title: 'fan-out to 1,000, window 8',
      warmup: { messages: 150, window: 8 },
      load: { messages: 1_000, window: 8 },
    },
  ],

  async one(/** @type {Lab} */ lab, /** @type {readonly Load[]} */ loads) {
    const { child, port } = await lab.server(REFERENCE_APP, 'server')
    const stage = { members: { ...room, port }, counted: () => [child.pid], others: () => [] }
    return { figures: await lab.measure(stage, loads) }
  },

  async many(/** @type {Lab} */ lab, /** @type {readonly Load[]} */ loads) {
    const redis = await lab.redis('generator')
    const env = { REDIS_URL: redis.url }
    const publisher = await lab.server(REFERENCE_APP, 'generator', env)
    const { child, port } = await lab.server(REFERENCE_APP, 'server', env)
    const stage = {
      members: { ...room, port, publisherPort: publisher.port },
      counted: () => [child.pid],
      others: () => [publisher.child.pid, redis.pid],
    }
    return { figures: await lab.measure(stage, loads) }
  },
}

/** Compares the total cost of one process with that of two workers and their Redis. */
const workers = {
  loads: [
    {
      title: '2 rooms of 1,000, window 2',
      atMost: 1.25,
      warmup: { messages: 100, window: 2 },
      load: { messages: 400, window: 2 },
    },
  ],

  async one(/** @type {Lab} */ lab, /** @type {readonly Load[]} */ loads) {
    const { child, port } = await lab.server(CHAT, 'server')
    const stage = { members: { ...rooms, port }, counted: () => [child.pid], others: () => [] }
    return { figures: await lab.measure(stage, loads) }
  },

  async many(/** @type {Lab} */ lab, /** @type {readonly Load[]} */ loads) {
    const redis = await lab.redis('server')
    const env = { REDIS_URL: redis.url, WORKERS: String(WORKERS) }
    const { child, port } = await lab.server(CHAT, 'server', env)
    const pids = childrenOf(child.pid)
    const before = pids.map(socketsOf)
    const counted = () => [child.pid, ...pids, redis.pid]
    const stage = { members: { ...rooms, port }, counted, others: () => [] }
    const figures = await lab.measure(stage, loads)
    const connections = pids.map((pid, index) => socketsOf(pid) - (before[index] ?? 0))
    const all = connections.reduce((sum, count) => sum + count, 0)
    return { figures, shares: connections.map((count) => (count * 100) / all) }
  },
}

/** Creates a run: one node over Redis, with a room of this protocol. */
const overRedis = (/** @type {string} */ protocol) => {
  return async (/** @type {Lab} */ lab, /** @type {readonly Load[]} */ loads) => {
    const redis = await lab.redis('generator')
    const { child, port } = await lab.server(REFERENCE_APP, 'server', { REDIS_URL: redis.url })
    const stage = {
      members: { ...room, protocol, port },
      counted: () => [child.pid],
      others: () => [redis.pid],
    }
    return { figures: await lab.measure(stage, loads) }
  }
}

/**
 * Compares the cost of a topic over Redis: `one` without a history, `many` with a history and clients that ask for
 * recovery.
 */
const history = {
  loads: [
    {
      title: 'over Redis without and with a history, fan-out to 1,000, window 1',
      atMost: 1.3,
      warmup: { messages: 100 },
      load: { messages: 400 },
    },
  ],
  one: overRedis('plain'),
  many: overRedis('asked'),
}

/** All comparisons, by name. @type {Record<string, Comparison>} */
export const comparisons = { remote, workers, history }
