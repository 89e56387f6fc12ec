import type { Aggregator } from 'prom-client'
import type { Buckets } from './buckets.ts'

/** Values of labels, by label name. */
export type Labels = Readonly<Record<string, string | number>>

/** One value of a metric, in the form of prom-client. */
export type Sample = { readonly labels: Labels; readonly value: number; readonly metricName?: string }

export type MetricOptions = {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Method to merge the values of several processes. Default: their sum. */
  readonly aggregator?: Aggregator
  /** Returns the current values. Called at each scrape. */
  readonly read: () => Iterable<Sample>
}

/**
 * Metric for a registry of prom-client. The values are read only at a scrape. prom-client's own metric classes would be
 * too slow: they look up a set of labels for each counted event, which costs more than handling a message.
 */
export class Metric {
  /** Name of the metric. Not readonly, because a registry in OpenMetrics format changes it. */
  name: string
  readonly help: string
  readonly type: MetricOptions['type']
  readonly aggregator: Aggregator
  readonly #read: () => Iterable<Sample>

  constructor({ name, help, type, aggregator = 'sum', read }: MetricOptions) {
    this.name = name
    this.help = help
    this.type = type
    this.aggregator = aggregator
    this.#read = read
  }

  /** Return the description and the values. Called by the registry. */
  async get() {
    const { name, help, type, aggregator } = this
    const values = Array.from(this.#read(), (sample) => withName(name, sample))
    return { name, help, type, aggregator, values }
  }

  /** Do nothing, because this class stores no values. Called by the registry. */
  reset(): void {}
}

/** Create the samples of a histogram. Each `metricName` is a suffix, such as `_sum`. `withName` prepends the name. */
export function* samplesOf(labels: Labels, { bounds, counts, sum }: Buckets): Generator<Sample> {
  let count = 0
  for (const [index, own] of counts.entries()) {
    count += own
    yield { metricName: '_bucket', labels: { ...labels, le: bounds[index] ?? '+Inf' }, value: count }
  }
  yield { metricName: '_sum', labels, value: sum }
  yield { metricName: '_count', labels, value: count }
}

function withName(name: string, { metricName, ...sample }: Sample): Sample {
  return metricName === undefined ? sample : { ...sample, metricName: name + metricName }
}
