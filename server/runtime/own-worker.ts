import cluster from 'node:cluster'

const MARK = 'FASTIFY_PHOENIX_PRIMARY'

/** Environment variables that a primary gives its worker processes. */
export function workerEnvironment(): Record<string, string> {
  return { [MARK]: String(process.pid) }
}

/**
 * Returns true in a worker process that a primary process of this package has forked. Process managers such as PM2 in
 * cluster mode also fork with `node:cluster`, but do not follow the protocol of this package.
 */
export function isOwnWorker(): boolean {
  return cluster.isWorker && process.env[MARK] === String(process.ppid)
}
