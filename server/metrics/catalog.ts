import type { EndpointServer } from '../endpoint/endpoint.ts'
import type { Figures, PatternFigures } from './figures.ts'
import type { LoopDelayGauge } from './loop-delay-gauge.ts'
import { Metric, type MetricOptions, type Sample, samplesOf } from './metric.ts'

export type MetricSources = {
  readonly endpoint: EndpointServer
  readonly figures: Figures
  readonly loopDelay: LoopDelayGauge
}

type CatalogEntry = Omit<MetricOptions, 'name' | 'read'> & {
  readonly name: string
  readonly read: (sources: MetricSources) => Iterable<Sample>
}

/** All metrics. `catalog` adds a prefix to each name. `docs/telemetry.md` has the same list. */
const catalogEntries: readonly CatalogEntry[] = [
  gauge('connections', 'Open connections.', ({ endpoint }) => byTransport(endpoint, () => 1)),
  counter('connections_opened_total', 'Connections that were opened.', ({ figures }) => figures.opened),
  counter(
    'connections_refused_total',
    'Refused clients. `reason` is the cause, such as `origin`, `expired` or `crash`.',
    ({ figures }) => figures.refused,
  ),
  counter(
    'connections_closed_total',
    'Connections that ended. `code` is the close code, `by` the side that closed (`client` or `server`).',
    ({ figures }) => figures.closed,
  ),
  histogram('connect_duration_seconds', 'Duration of handshakes, including `connect`.', connectTimes),
  gauge('channels', 'Channels that are joined or joining.', ({ endpoint }) => [one(endpoint.channelCount)]),
  gauge(
    'joins_waiting',
    'Joins that wait in the queue, because too many arrived at once.',
    ({ endpoint }) => [one(endpoint.admission.waiting)],
  ),
  counter('joins_total', 'Joins that were accepted.', (s) =>
    perPattern(s, (f) => [{ labels: {}, value: f.joins }]),
  ),
  counter('joins_refused_total', 'Joins that were refused, by reason.', (s) =>
    perPattern(s, (f) => f.refusedJoins),
  ),
  histogram('join_duration_seconds', 'Duration of `join` callbacks.', (s) =>
    perPattern(s, (f) => samplesOf({}, f.joinTimes)),
  ),
  counter('messages_total', 'Messages to and from channels.', (s) => perPattern(s, messages)),
  counter('messages_refused_total', 'Messages that were answered with an error.', (s) =>
    perPattern(s, (f) => f.refusedMessages),
  ),
  counter('message_bytes_total', 'Bytes of message frames, in and out.', (s) => perPattern(s, bytes)),
  histogram(
    'handler_duration_seconds',
    'Duration of `handleIn` handlers, without the wait for earlier callbacks of the channel.',
    (s) => perPattern(s, handlers),
  ),
  histogram('broadcast_recipients', 'Number of channels that a broadcast reached on this node.', (s) =>
    perPattern(s, (f) => samplesOf({}, f.fanOut)),
  ),
  counter(
    'channel_crashes_total',
    'Crashed channels: a callback threw, or gave a stop reason other than `normal` and `shutdown`.',
    (s) => perPattern(s, (f) => f.crashes),
  ),
  gauge(
    'buffered_bytes',
    'Bytes (long-poll: characters) queued in this process for clients.',
    ({ endpoint }) => byTransport(endpoint, (transport) => transport.bufferedAmount),
  ),
  counter(
    'slow_consumers_total',
    'Connections closed and frames dropped because clients read too slowly.',
    ({ figures }) => figures.slowConsumers,
  ),
  counter(
    'frames_refused_total',
    'Client frames that could not be decoded.',
    ({ figures }) => figures.refusedFrames,
  ),
  counter(
    'frames_dropped_total',
    'Binary frames dropped because long-poll clients cannot receive them.',
    ({ figures }) => figures.droppedFrames,
  ),
  counter(
    'limits_reached_total',
    'Number of times that clients reached a limit. `limit` is the name of the option.',
    ({ figures }) => figures.limits,
  ),
  gauge('presences', 'Presences that this node tracks.', ({ endpoint }) => presenceCounts(endpoint)),
  { ...gauge('engine_up', '1 while the engine is connected, otherwise 0.', engineUp), aggregator: 'min' },
  {
    ...gauge('engine_lag_seconds', 'Time that Redis took to reply to the latest command.', engineLag),
    aggregator: 'max',
  },
  counter(
    'engine_changes_total',
    'Number of times that the engine connected or lost its connection, by state (up or down).',
    ({ figures }) => figures.engineChanges,
  ),
  counter(
    'gaps_total',
    'Number of times that this node may have missed broadcasts of other nodes. ' +
      'If several topics are affected at once, each of them counts.',
    ({ figures }) => figures.gaps,
  ),
  counter(
    'history_joins_total',
    'Joins that asked for recovery. `outcome` is `recovered`, `unrecovered`, or `new` if the client had no cursor.',
    ({ figures }) => figures.historyJoins,
  ),
  counter('history_replayed_total', 'Broadcasts replayed to clients that had missed them.', ({ figures }) => [
    one(figures.historyReplayed),
  ]),
  counter(
    'history_changes_total',
    'Telemetry events `phoenix.history_changed`, counted by their `kind`.',
    ({ figures }) => figures.historyChanges,
  ),
  gauge('history_bytes', 'Bytes that histories use.', ({ endpoint }) => [one(endpoint.pubsub.historyBytes)]),
  counter(
    'worker_restarts_total',
    'Restarts of supervised workers in this Node.js process, for all endpoints.',
    ({ figures }) => figures.restarts,
  ),
  {
    ...gauge(
      'event_loop_delay_seconds',
      'Quantiles of the event-loop delay since the previous scrape. `1` is the maximum.',
      ({ loopDelay }) => loopDelay.read(),
    ),
    aggregator: 'max',
  },
]

/** Create the metrics of one endpoint. Their names start with `prefix`. */
export function catalog(sources: MetricSources, prefix: string): Metric[] {
  return catalogEntries.map(
    ({ name, read, ...entry }) => new Metric({ ...entry, name: prefix + name, read: () => read(sources) }),
  )
}

function gauge(name: string, help: string, read: CatalogEntry['read']): CatalogEntry {
  return { name, help, type: 'gauge', read }
}

function counter(name: string, help: string, read: CatalogEntry['read']): CatalogEntry {
  return { name, help, type: 'counter', read }
}

function histogram(name: string, help: string, read: CatalogEntry['read']): CatalogEntry {
  return { name, help, type: 'histogram', read }
}

function* perPattern(
  { figures }: MetricSources,
  read: (figures: PatternFigures) => Iterable<Sample>,
): Generator<Sample> {
  for (const [pattern, own] of figures.patterns) {
    for (const { labels, ...sample } of read(own)) yield { ...sample, labels: { pattern, ...labels } }
  }
}

function messages({ messagesIn, messagesOut }: PatternFigures): Sample[] {
  return [
    { labels: { direction: 'in' }, value: messagesIn },
    { labels: { direction: 'out' }, value: messagesOut },
  ]
}

function bytes({ bytesIn, bytesOut }: PatternFigures): Sample[] {
  return [
    { labels: { direction: 'in' }, value: bytesIn },
    { labels: { direction: 'out' }, value: bytesOut },
  ]
}

function* handlers(figures: PatternFigures): Generator<Sample> {
  for (const [event, times] of figures.handlers) yield* samplesOf({ event }, times)
}

function* connectTimes({ figures }: MetricSources): Generator<Sample> {
  for (const [transport, times] of figures.connectTimes) yield* samplesOf({ transport }, times)
}

function byTransport(
  endpoint: EndpointServer,
  measure: (transport: { readonly bufferedAmount: number }) => number,
): Sample[] {
  const sums = new Map<string, number>([
    ['websocket', 0],
    ['longpoll', 0],
  ])
  for (const { transport } of endpoint.sockets) {
    sums.set(transport.name, (sums.get(transport.name) ?? 0) + measure(transport))
  }
  return Array.from(sums, ([transport, value]) => ({ labels: { transport }, value }))
}

function one(value: number): Sample {
  return { labels: {}, value }
}

function presenceCounts({ trackers }: EndpointServer): Sample[] {
  return Array.from(trackers, ({ settings, size }) => ({ labels: { presence: settings.name }, value: size }))
}

function engineUp({ endpoint }: MetricSources): Sample[] {
  return [one(endpoint.engine.state === 'up' ? 1 : 0)]
}

/** Duration of the engine's latest command. Returns no sample before the first command. */
function engineLag({ endpoint }: MetricSources): Sample[] {
  const { lag } = endpoint.engine
  return lag == null ? [] : [one(lag / 1_000)]
}
