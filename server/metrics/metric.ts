import type { Aggregator } from 'prom-client'
import type { Buckets } from './buckets.ts'

/** Names and values of labels. */
export type Labels = Readonly<Record<string, string | number>>

/** One value of a metric, as prom-client writes it. */
export type Sample = { readonly labels: Labels; readonly value: number; readonly metricName?: string }

/** What a metric is made with. */
export type MetricOptions = {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the values of several processes become one; default: their sum. */
  readonly aggregator?: Aggregator
  /** The present values; called when somebody asks. */
  readonly read: () => Iterable<Sample>
}

/**
 * A metric of a registry of prom-client. Those of prom-client itself look up a set of labels with every
 * count, which costs more than what is counted; these look when they are asked, which is seldom.
 */
export class Metric {
  /** A registry of the OpenMetrics format changes it. */
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

  /** For its registry: what it is, and its values. */
  async get() {
    const { name, help, type, aggregator } = this
    const values = Array.from(this.#read(), (sample) => named(name, sample))
    return { name, help, type, aggregator, values }
  }

  /** For its registry: counts are of the endpoint, and go on. */
  reset(): void {}
}

/** The samples of a histogram; `metricName` is the end of their names. */
export function* samplesOf(labels: Labels, { bounds, counts, sum }: Buckets): Generator<Sample> {
  let count = 0
  for (const [index, own] of counts.entries()) {
    count += own
    yield { metricName: '_bucket', labels: { ...labels, le: bounds[index] ?? '+Inf' }, value: count }
  }
  yield { metricName: '_sum', labels, value: sum }
  yield { metricName: '_count', labels, value: count }
}

function named(name: string, { metricName, ...sample }: Sample): Sample {
  return metricName === undefined ? sample : { ...sample, metricName: name + metricName }
}
