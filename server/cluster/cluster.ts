import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import type { FastifyServerOptions } from 'fastify'
import { anything, callback, checkOption, object, rule } from '../../protocol/check.ts'
import { delay } from '../runtime/delay.ts'
import { isOwnWorker } from '../runtime/own-worker.ts'
import { fail } from './fail.ts'
import { runAlone } from './run-alone.ts'
import { runPrimary } from './run-primary.ts'
import { runWorker } from './run-worker.ts'
import type { Started } from './serving.ts'

/** Options of `cluster`: the worker processes, and the server that each of them runs. */
export type ClusterOptions = {
  /**
   * Number of worker processes that share the port. `'auto'`: one for each core; 0: this process serves. Default:
   * `'auto'`.
   */
  readonly workers?: number | 'auto'
  /**
   * Starts the server in each worker process. Resolves with the `app`, which must be listening. If `start` does not
   * resolve within 60 s after `app.listen()`, the worker process is killed. Example: `() => import('./server.js')` if
   * the module exports `app`.
   */
  readonly start: () => Started | Promise<Started>
  /**
   * Milliseconds between the first 503 of `/readyz` and the end of listening during a shutdown. In this time, load
   * balancers can stop sending new clients. Default: 0.
   */
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
    shutdownDelay: delay,
    logger: anything,
  },
  ['start'],
)

/**
 * Run a server on all cores behind one port, or in this process with `workers: 0`. In the primary process, resolves
 * when `start` has resolved in all worker processes. In any other process, resolves when `start` has resolved in this
 * process. If the server cannot start, writes the reason to stderr and exits with code 1. No other function of the
 * package ends the process.
 *
 * On SIGTERM or SIGINT, the primary process drains the worker processes and exits. On SIGHUP, the primary process
 * replaces the worker processes. If a worker process gets SIGTERM, the primary process replaces this worker process.
 * Without worker processes, this process drains and exits on SIGTERM or SIGINT.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal option.
 */
export async function runCluster(options: ClusterOptions): Promise<void> {
  checkOption('cluster', options, clusterOptions)
  const { workers = 'auto', start, shutdownDelay = 0, logger = true } = options
  const count = workers === 'auto' ? availableParallelism() : workers
  try {
    if (isOwnWorker()) await runWorker(start, count > 1)
    // If a process manager such as PM2 has forked this process, `isPrimary` is false: start no worker processes.
    else if (count > 0 && cluster.isPrimary) {
      const { fastify } = await import('fastify')
      await runPrimary({ count, shutdownDelay, logger: fastify({ logger }).log })
    } else await runAlone(start, shutdownDelay)
  } catch (error) {
    fail(error)
  }
}
