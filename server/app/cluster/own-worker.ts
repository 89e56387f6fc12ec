import cluster from 'node:cluster'

const MARK = 'FASTIFY_PHOENIX_PRIMARY'

/** Environment variables that a primary gives its worker processes. */
export function workerEnvironment(): Record<string, string> {
  return { [MARK]: String(process.pid) }
}

/**
 * Whether this process is a worker of our own primary. Process managers such as PM2 in cluster mode fork
 * with node:cluster, too, and follow no protocol of ours.
 */
export function isOwnWorker(): boolean {
  return cluster.isWorker && process.env[MARK] === String(process.ppid)
}
