import cluster from 'node:cluster'

const MARK = 'FASTIFY_PHOENIX_PRIMARY'

/** Environment variables that a primary gives its worker processes. */
export function workerEnvironment(): Record<string, string> {
  return { [MARK]: String(process.pid) }
}

/**
 * True in a worker process of a primary of this package. Process managers such as PM2 in cluster mode also fork with
 * `node:cluster`, but do not follow the protocol of this package.
 */
export function isOwnWorker(): boolean {
  return cluster.isWorker && process.env[MARK] === String(process.ppid)
}
