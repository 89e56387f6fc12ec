export { type AnyRegistry, type Metrics, type MetricsOptions, metrics } from './metrics.ts'
