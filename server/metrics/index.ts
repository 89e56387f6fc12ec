export { mergeMetrics, type SharedMetrics, shareMetrics } from './cluster.ts'
export { type AnyRegistry, type Metrics, type MetricsOptions, metrics } from './metrics.ts'
export { type MetricsRouteOptions, metricsRoute } from './metrics-route.ts'
