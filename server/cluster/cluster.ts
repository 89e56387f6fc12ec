import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import type { FastifyServerOptions } from 'fastify'
import { anything, callback, checkOption, nonNegative, object, rule } from '../../protocol/check.ts'
import { isOwnWorker } from '../runtime/own-worker.ts'
import { fail } from './fail.ts'
import { runAlone } from './run-alone.ts'
import { runPrimary } from './run-primary.ts'
import { runWorker } from './run-worker.ts'
import type { Started } from './serving.ts'

/** Worker processes, and the server that each of them runs. */
export type ClusterOptions = {
  /** Worker processes that share the port; `'auto'` = one for each core, 0 = this process serves. Default: `'auto'`. */
  readonly workers?: number | 'auto'
  /**
   * Starts the server and resolves when it listens: `() => import('./server.js')`, with a module that exports `app`.
   * Called in each worker process.
   */
  readonly start: () => Started | Promise<Started>
  /** Milliseconds for which `/readyz` is red before the server stops listening, for load balancers. Default: 0. */
  readonly shutdownDelay?: number
  /** Fastify's option `logger` for the log of the primary. Default: true. */
  readonly logger?: FastifyServerOptions['logger']
}

const clusterOptions = object<ClusterOptions>(
  {
    workers: rule(
      "'auto' or a non-negative integer",
      (value) => value === 'auto' || (Number.isInteger(value) && Number(value) >= 0),
    ),
    start: callback,
    shutdownDelay: nonNegative,
    logger: anything,
  },
  ['start'],
)

/**
 * Run a server on all cores behind one port, or with `workers: 0` in this process. Resolves when it listens, in the
 * primary when all workers do. From then on it handles SIGTERM and SIGINT (drain), SIGHUP (replace the workers), and
 * ends the process: it is the one function of the package that does. Without a start it writes the reason to stderr
 * and exits with 1.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal option.
 */
export async function runCluster(options: ClusterOptions): Promise<void> {
  checkOption('cluster', options, clusterOptions)
  const { workers = 'auto', start, shutdownDelay = 0, logger = true } = options
  const count = workers === 'auto' ? availableParallelism() : workers
  try {
    if (isOwnWorker()) await runWorker(start, count > 1)
    // Under a process manager that forks by itself, such as PM2, a process has no workers of its own.
    else if (count > 0 && cluster.isPrimary) {
      const { fastify } = await import('fastify')
      await runPrimary({ count, shutdownDelay, logger: fastify({ logger }).log })
    } else await runAlone(start, shutdownDelay)
  } catch (error) {
    fail(error)
  }
}
