import type { Registry } from 'prom-client'

/** Counters and histograms of a registry, added up over all topic patterns. */
export type Totals = {
  readonly messages: InAndOut
  readonly bytes: InAndOut
  /** Total duration of all handlers, in seconds. */
  readonly handlerSeconds: number
  readonly handled: number
  /** Maps a duration in seconds to the number of handler calls that took at most this long. */
  readonly handledWithin: ReadonlyMap<number, number>
}

type InAndOut = { readonly in: number; readonly out: number }
type Value = { readonly labels: object; readonly value: number; readonly metricName?: string }

export async function readTotals(registry: Registry): Promise<Totals> {
  const [messages, bytes, handlers] = await Promise.all([
    valuesOf(registry, 'phoenix_messages_total'),
    valuesOf(registry, 'phoenix_message_bytes_total'),
    valuesOf(registry, 'phoenix_handler_duration_seconds'),
  ])
  const handledWithin = new Map<number, number>()
  for (const { labels, value, metricName } of handlers) {
    if (!metricName?.endsWith('_bucket')) continue
    const bound = Number(labelOf(labels, 'le').replace('+Inf', 'Infinity'))
    handledWithin.set(bound, (handledWithin.get(bound) ?? 0) + value)
  }
  return {
    messages: inAndOut(messages),
    bytes: inAndOut(bytes),
    handlerSeconds: sum(handlers.filter(({ metricName }) => metricName?.endsWith('_sum'))),
    handled: sum(handlers.filter(({ metricName }) => metricName?.endsWith('_count'))),
    handledWithin,
  }
}

/** Read the current values of a metric. Returns an empty list if the registry does not have the metric. */
export async function valuesOf(registry: Registry, name: string): Promise<readonly Value[]> {
  const metric = await registry.getSingleMetric(name)?.get()
  return metric?.values ?? []
}

/** Sum of the values that have a certain label, for example `transport="websocket"`. */
export function valueWith(values: readonly Value[], name: string, text: string): number {
  return sum(values.filter(({ labels }) => labelOf(labels, name) === text))
}

export function sum(values: readonly Value[]): number {
  return values.reduce((total, { value }) => total + value, 0)
}

/** Value of the label `name`; the empty string if `labels` has no label of this name. */
export function labelOf(labels: object, name: string): string {
  const found: unknown = Object.entries(labels).find(([key]) => key === name)?.[1]
  return found === undefined ? '' : String(found)
}

function inAndOut(values: readonly Value[]): InAndOut {
  return { in: valueWith(values, 'direction', 'in'), out: valueWith(values, 'direction', 'out') }
}
