export { type ClusterOptions, runCluster as cluster } from './cluster.ts'
export type { Started } from './serving.ts'
