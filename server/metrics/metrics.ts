import { type OpenMetricsContentType, Registry } from 'prom-client'
import { checkOption, list, object, rule, string } from '../../protocol/check.ts'
import { type Endpoint, isEndpoint } from '../endpoint/endpoint.ts'
import { checkEndpoint, UsageError, wordsOf } from '../errors.ts'
import { type TelemetryChannel, telemetry } from '../telemetry/telemetry.ts'
import { catalog } from './catalog.ts'
import { Figures } from './figures.ts'
import { LoopDelay } from './loop-delay.ts'

/** A registry of either format of prom-client. */
export type AnyRegistry = Registry | Registry<OpenMetricsContentType>

/** How the figures of an endpoint are kept. */
export type MetricsOptions = {
  /** Where the metrics are registered; default: a registry of their own. */
  readonly registry?: AnyRegistry
  /** What their names begin with; default `phoenix_`. */
  readonly prefix?: string
  /** The `reason`s with which the application refuses joins; any other is counted as `other`. Default: none. */
  readonly joinReasons?: readonly string[]
}

/** The running figures of an endpoint. */
export type Metrics<R extends AnyRegistry = AnyRegistry> = {
  /** `await registry.metrics()` is what Prometheus reads. */
  readonly registry: R
  /** Count no more, and take the metrics out of the registry. */
  stop(): void
}

/**
 * Count what happens in an endpoint, as metrics of prom-client. Endpoints that share a registry need a
 * prefix each.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal option and when a name is in the registry already,
 * with `PHX_ERR_NO_ENDPOINT` without an endpoint.
 */
export function metrics<R extends AnyRegistry = Registry>(
  endpoint: Endpoint,
  options: MetricsOptions & { readonly registry?: R } = {},
): Metrics<R> {
  checkEndpoint('metrics', endpoint, isEndpoint)
  checkOption('metrics', options, metricsOptions)
  const { prefix = 'phoenix_', joinReasons = [] } = options
  // A caller that names a type of registry gives one.
  const registry = options.registry ?? (new Registry() as R)
  const figures = new Figures(joinReasons)
  const loopDelay = new LoopDelay()
  const own = catalog({ endpoint, figures, loopDelay }, prefix)
  // A registry takes whatever has the methods of a metric, and says so of its own metrics only.
  for (const metric of own) register(registry, metric as never)
  loopDelay.start()
  const unsubscribe = count(endpoint, figures)
  const stop = (): void => {
    unsubscribe()
    loopDelay.stop()
    for (const { name } of own) registry.removeSingleMetric(name)
  }
  return { registry, stop }
}

const methods = ['registerMetric', 'removeSingleMetric', 'metrics'] as const

/** The rule of a registry of prom-client. */
export const registryRule = rule('a Registry of prom-client', (value) =>
  methods.every((method) => typeof Object(value)[method] === 'function'),
)
const metricsOptions = object<MetricsOptions>({
  registry: registryRule,
  prefix: rule(
    'a string of letters, digits and _ that starts with no digit',
    (value) => typeof value === 'string' && /^([a-zA-Z_][\w]*)?$/.test(value),
  ),
  joinReasons: list(string),
})

function register(registry: AnyRegistry, metric: never): void {
  try {
    registry.registerMetric(metric)
  } catch (cause) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      `metrics: \`registry\` does not take a metric: ${wordsOf(cause)}`,
      {
        cause,
      },
    )
  }
}

/** Have the figures count what telemetry tells of this endpoint, until the returned function is called. */
function count(endpoint: Endpoint, figures: Figures): () => void {
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
  // Supervisors belong to no endpoint: those of the process are counted.
  subscribe(telemetry.workerRestarted, ({ name }) => figures.restarts.add(name))
  return () => {
    for (const one of undo) one()
  }
}
