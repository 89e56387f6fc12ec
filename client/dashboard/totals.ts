import type { Figures } from '../../server/dashboard/contract.ts'

/**
 * Combine the figures of several nodes. Counts, rates and sizes are added up. For durations, such as the latency,
 * the maximum is used. Returns null if `all` is empty.
 */
export function addUp(all: readonly Figures[]): Figures | null {
  const [first, ...others] = all
  return first === undefined ? null : others.reduce(add, first)
}

function add(a: Figures, b: Figures): Figures {
  const both = (x: { in: number; out: number }, y: { in: number; out: number }) => ({
    in: x.in + y.in,
    out: x.out + y.out,
  })
  return {
    at: Math.max(a.at, b.at),
    connections: {
      websocket: a.connections.websocket + b.connections.websocket,
      longpoll: a.connections.longpoll + b.connections.longpoll,
    },
    messages: both(a.messages, b.messages),
    bytes: both(a.bytes, b.bytes),
    latency:
      a.latency === null || b.latency === null
        ? (a.latency ?? b.latency)
        : { mean: Math.max(a.latency.mean, b.latency.mean), p99: Math.max(a.latency.p99, b.latency.p99) },
    loopDelay: {
      mean: Math.max(a.loopDelay.mean, b.loopDelay.mean),
      max: Math.max(a.loopDelay.max, b.loopDelay.max),
    },
    memory: { rss: a.memory.rss + b.memory.rss, heap: a.memory.heap + b.memory.heap },
    slowConsumers: a.slowConsumers + b.slowConsumers,
    refusedJoins: merge(a.refusedJoins, b.refusedJoins, ({ reason }) => reason, 'count'),
    presences: merge(a.presences, b.presences, ({ name }) => name, 'size'),
    workers: [],
  }
}

/** Merge two lists. Entries with the same key are added up. */
function merge<K extends string, T extends Record<K, number>>(
  a: readonly T[],
  b: readonly T[],
  keyOf: (entry: T) => string,
  field: K,
): T[] {
  const merged = new Map(a.map((entry) => [keyOf(entry), entry]))
  for (const entry of b) {
    const known = merged.get(keyOf(entry))
    merged.set(keyOf(entry), known === undefined ? entry : { ...entry, [field]: known[field] + entry[field] })
  }
  return [...merged.values()]
}
