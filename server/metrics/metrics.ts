import { type OpenMetricsContentType, Registry } from 'prom-client'
import { checkOption, list, object, rule, string } from '../../protocol/check.ts'
import { isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import { checkEndpoint, UsageError, wordsOf } from '../errors.ts'
import { type TelemetryChannel, telemetry } from '../telemetry/telemetry.ts'
import { catalog } from './catalog.ts'
import { Figures } from './figures.ts'
import { LoopDelayGauge } from './loop-delay-gauge.ts'

/** Registry of prom-client, in the Prometheus or the OpenMetrics format. */
export type AnyRegistry = Registry | Registry<OpenMetricsContentType>

/** Options of `metrics`: registry, names and labels of the metrics. */
export type MetricsOptions = {
  /** Registry for the metrics. Default: a new one. */
  readonly registry?: AnyRegistry
  /** Prefix of the names. Default: `phoenix_`. */
  readonly prefix?: string
  /**
   * Reasons of refused joins that are counted separately, besides the server's own reasons. Any other reason is counted
   * as `other`. Default: none.
   */
  readonly joinReasons?: readonly string[]
}

/** Metrics of an endpoint, counted until `stop` is called. */
export type Metrics<R extends AnyRegistry = AnyRegistry> = {
  /** Registry with the metrics. `await registry.metrics()` returns the text for Prometheus. */
  readonly registry: R
  /** Stop counting, and remove the metrics from the registry. */
  stop(): void
}

/**
 * Count the events of an endpoint as metrics of prom-client. Endpoints that share a registry must have different
 * prefixes.
 * @throws UsageError with `PHX_ERR_OPTION` for an invalid option or a metric name that the registry has already, and
 * with `PHX_ERR_NO_ENDPOINT` if the endpoint is missing.
 */
export function metrics<R extends AnyRegistry = Registry>(
  endpoint: Endpoint,
  options: MetricsOptions & { readonly registry?: R } = {},
): Metrics<R> {
  checkEndpoint('metrics', endpoint, isEndpoint)
  checkOption('metrics', options, metricsOptions)
  const { prefix = 'phoenix_', joinReasons = [] } = options
  // The cast is safe if a caller that sets `R` also passes a registry. In all other cases, `R` is `Registry`.
  const registry = options.registry ?? (new Registry() as R)
  const figures = new Figures(joinReasons)
  const loopDelay = new LoopDelayGauge()
  const own = catalog({ endpoint, figures, loopDelay }, prefix)
  // The cast is safe: a registry accepts any object with the methods of a metric, although its type allows only the
  // metric classes of prom-client.
  for (const metric of own) register(registry, metric as never)
  loopDelay.start()
  const unsubscribe = countEvents(endpoint, figures)
  const stop = (): void => {
    unsubscribe()
    loopDelay.stop()
    for (const { name } of own) registry.removeSingleMetric(name)
  }
  return { registry, stop }
}

const methods = ['registerMetric', 'removeSingleMetric', 'metrics'] as const

/** Rule for a registry of prom-client. */
export const registryRule = rule("an instance of prom-client's Registry", (value) =>
  methods.every((method) => typeof Object(value)[method] === 'function'),
)
const metricsOptions = object<MetricsOptions>({
  registry: registryRule,
  prefix: rule(
    'a string of ASCII letters, digits and _, and must not start with a digit',
    (value) => typeof value === 'string' && /^([a-zA-Z_][\w]*)?$/.test(value),
  ),
  joinReasons: list(string),
})

function register(registry: AnyRegistry, metric: never): void {
  try {
    registry.registerMetric(metric)
  } catch (cause) {
    throw new UsageError('PHX_ERR_OPTION', `metrics: \`registry\` rejected a metric: ${wordsOf(cause)}`, {
      cause,
    })
  }
}

/** Count the telemetry events of this endpoint, until the returned function is called. */
function countEvents(endpoint: Endpoint, figures: Figures): () => void {
  const undo: (() => void)[] = []
  const subscribe = <M>(channel: TelemetryChannel<M>, listener: (message: M) => void): void => {
    channel.subscribe(listener)
    undo.push(() => channel.unsubscribe(listener))
  }
  const on = <M extends { readonly endpoint: object }>(
    channel: TelemetryChannel<M>,
    listener: (message: M) => void,
  ): void => {
    subscribe(channel, (message) => {
      if (message.endpoint === endpoint) listener(message)
    })
  }
  on(telemetry.socketConnected, ({ transport, duration }) => figures.connected(transport, duration))
  on(telemetry.socketOpened, ({ socket }) => figures.opened.add(socket.transport.name))
  on(telemetry.socketRefused, ({ transport, refused }) => figures.refused.add(transport, refused))
  on(telemetry.socketClosed, ({ socket, code, by }) => figures.ended(socket.transport.name, code, by))
  on(telemetry.channelJoined, (operation) => figures.joined(operation))
  on(telemetry.channelHandledIn, (operation) => figures.handledIn(operation))
  on(telemetry.channelCrashed, ({ pattern, callback }) => figures.crashed(pattern, callback))
  on(telemetry.messageSent, ({ pattern, size }) => figures.sent(pattern, size))
  on(telemetry.broadcastDispatched, ({ broadcast, subscribers }) =>
    figures.dispatched(broadcast, subscribers),
  )
  on(telemetry.slowConsumer, ({ socket, action }) => figures.slowConsumers.add(socket.transport.name, action))
  on(telemetry.frameRefused, () => figures.refusedFrames.add())
  on(telemetry.frameDropped, () => figures.droppedFrames.add())
  on(telemetry.limitReached, ({ limit }) => figures.limits.add(limit))
  on(telemetry.engineUp, () => figures.engineChanges.add('up'))
  on(telemetry.engineDown, () => figures.engineChanges.add('down'))
  on(telemetry.gap, () => figures.gaps.add())
  on(telemetry.historyJoined, ({ pattern, hadCursor, recovered }) => {
    const outcome = recovered ? 'recovered' : 'unrecovered'
    figures.historyJoins.add(pattern, hadCursor ? outcome : 'new')
  })
  on(telemetry.historyReplayed, ({ count }) => {
    figures.historyReplayed += count
  })
  on(telemetry.historyChanged, ({ kind }) => figures.historyChanges.add(kind))
  // Supervisors belong to no endpoint. So count all worker restarts in this process.
  subscribe(telemetry.workerRestarted, ({ name }) => figures.restarts.add(name))
  return () => {
    for (const one of undo) one()
  }
}
