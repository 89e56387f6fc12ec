import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Buckets } from '../../../server/metrics/buckets.ts'
import { Metric, type MetricOptions, samplesOf } from '../../../server/metrics/metric.ts'

function registryOf(options: Pick<MetricOptions, 'type' | 'read'>): Registry {
  const registry = new Registry()
  registry.registerMetric(new Metric({ name: 'm_total', help: 'What it is.', ...options }) as never)
  return registry
}

test('is read when its registry is collected, in the format of Prometheus', async () => {
  let value = 1
  const registry = registryOf({ type: 'counter', read: () => [{ labels: { kind: 'a"b' }, value }] })
  value = 2
  expect(await registry.metrics()).toBe(
    '# HELP m_total What it is.\n# TYPE m_total counter\nm_total{kind="a\\"b"} 2\n',
  )
})

test('a histogram has cumulative buckets, a sum and a count', async () => {
  const buckets = new Buckets([0.5, 1])
  for (const one of [0.25, 0.75, 2]) buckets.observe(one)
  const registry = registryOf({ type: 'histogram', read: () => samplesOf({ event: 'say' }, buckets) })
  expect((await registry.metrics()).split('\n').slice(2)).toEqual([
    'm_total_bucket{event="say",le="0.5"} 1',
    'm_total_bucket{event="say",le="1"} 2',
    'm_total_bucket{event="say",le="+Inf"} 3',
    'm_total_sum{event="say"} 3',
    'm_total_count{event="say"} 3',
    '',
  ])
})

test('keeps counting when its registry is reset', async () => {
  const registry = registryOf({ type: 'counter', read: () => [{ labels: {}, value: 7 }] })
  registry.resetMetrics()
  expect(await registry.metrics()).toContain('m_total 7')
})

test('can be written as OpenMetrics', async () => {
  const registry = registryOf({ type: 'counter', read: () => [{ labels: {}, value: 7 }] })
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
  expect(await registry.metrics()).toContain('# TYPE m counter\nm_total 7\n# EOF')
})
