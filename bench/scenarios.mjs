/**
 * @typedef {'cpu' | 'rate' | 'p50' | 'p99' | 'rss' | 'heap'} Figure
 * @typedef {{ rooms: number, roomSize: number, asBrowser?: boolean }} Members
 *
 * @typedef {object} Scenario
 * @property {string} title
 * @property {'publish' | 'echo' | 'join' | 'hold'} phase what is measured, see contestant.mjs
 * @property {string} unit unit that the CPU time is divided by
 * @property {Members} members connected members; in `join` the connecting itself is measured
 * @property {Record<string, number>} load of one slice of the measured phase
 * @property {Record<string, number>} warmup load of the phase before the measured phase
 * @property {import('./servers.mjs').ServerName[]} servers servers of the scenario, unless chosen by `--servers`
 * @property {number} [rounds] default 7
 */

const one = (/** @type {number} */ roomSize) => ({ rooms: 1, roomSize })
const withBare = /** @type {import('./servers.mjs').ServerName[]} */ (['ours', 'bare', 'again'])

/** All scenarios, by name. @type {Record<string, Scenario>} */
export const scenarios = {
  fanout1k: {
    title: 'fan-out to 1,000, window 1',
    phase: 'publish',
    unit: 'delivery',
    members: one(1_000),
    warmup: { messages: 120 },
    load: { messages: 60 },
    servers: [...withBare, 'naive', 'socketio'],
  },
  fanout1k_w8: {
    title: 'fan-out to 1,000, window 8',
    phase: 'publish',
    unit: 'delivery',
    members: one(1_000),
    // Warm up for as long as with window 1: until the code is compiled and the garbage of connecting is collected.
    warmup: { messages: 600, window: 8 },
    load: { messages: 200, window: 8 },
    servers: withBare,
  },
  rooms: {
    title: '200 rooms × 10, window 32',
    phase: 'publish',
    unit: 'delivery',
    members: { rooms: 200, roomSize: 10 },
    warmup: { messages: 8_000, window: 32, publishers: 10 },
    load: { messages: 5_000, window: 32, publishers: 10 },
    servers: withBare,
  },
  echo: {
    title: 'echo, 50 connections',
    phase: 'echo',
    unit: 'request',
    members: { rooms: 50, roomSize: 1 },
    warmup: { seconds: 1.5 },
    load: { seconds: 0.5 },
    servers: withBare,
  },
  connect: {
    title: 'connect + join',
    phase: 'join',
    unit: 'join',
    members: { rooms: 60, roomSize: 50 },
    warmup: { rooms: 40 },
    load: { rooms: 10 },
    // More rounds than elsewhere, because the slices of this scenario are the shortest.
    rounds: 15,
    servers: [...withBare, 'naive', 'logging', 'naiveLogging'],
  },
  paced: {
    title: 'paced: 40 messages/s to 1,000',
    phase: 'publish',
    unit: 'delivery',
    members: one(1_000),
    warmup: { messages: 40, rate: 40 },
    load: { messages: 40, rate: 40 },
    servers: withBare,
  },
  fanout500: {
    title: 'fan-out to 500, window 1',
    phase: 'publish',
    unit: 'delivery',
    members: one(500),
    warmup: { messages: 300 },
    load: { messages: 100 },
    servers: withBare,
  },
  fanout4k: {
    title: 'fan-out to 4,000, window 1',
    phase: 'publish',
    unit: 'delivery',
    members: one(4_000),
    warmup: { messages: 40 },
    load: { messages: 20 },
    servers: withBare,
  },
  history: {
    title: 'fan-out to 1,000 of a topic with a history, window 1',
    phase: 'publish',
    unit: 'delivery',
    members: one(1_000),
    warmup: { messages: 120 },
    load: { messages: 60 },
    servers: ['plain', 'kept', 'asked'],
  },
  rejoin: {
    title: 'connect + join with 100 missed messages',
    phase: 'join',
    unit: 'join',
    members: { rooms: 60, roomSize: 50 },
    warmup: { rooms: 40, kept: 100 },
    load: { rooms: 10 },
    servers: ['join', 'rejoin'],
  },
  memory: {
    title: '10,000 idle members, browser headers',
    phase: 'hold',
    unit: 'connection',
    members: { rooms: 200, roomSize: 50, asBrowser: true },
    warmup: {},
    load: { settleSeconds: 4 },
    rounds: 3,
    servers: withBare,
  },
}

/**
 * Reduces a scenario to few connections, a short warm-up and one slice: to check the counting, not to compare.
 * @param {Scenario} scenario
 * @returns {Scenario}
 */
export function shorten(scenario) {
  const { members, warmup } = scenario
  const connects = scenario.phase === 'join' || scenario.phase === 'hold'
  const rooms = connects ? Math.ceil(members.rooms / 8) : members.rooms
  const isAmount = (/** @type {string} */ name) =>
    name === 'messages' || name === 'seconds' || name === 'rooms'
  const shortWarmup = Object.fromEntries(
    Object.entries(warmup).map(([name, amount]) => [name, isAmount(name) ? Math.ceil(amount / 8) : amount]),
  )
  return { ...scenario, members: { ...members, rooms }, warmup: shortWarmup, rounds: 1 }
}
