import type { FastifyInstance } from 'fastify'
import { withTimeLimit } from '../runtime/time-limit.ts'

/** Part of `pluginTimeout` that a hook may take. The rest is a margin for late timers. */
const SHARE = 0.9

/**
 * Milliseconds that an `onReady` or `preClose` hook may take, at most `ms`. Fastify lets each of these hooks take at most
 * `pluginTimeout` (10 s by default); after that, the start or the end of the application fails.
 */
export function hookLimit(fastify: FastifyInstance, ms: number): number {
  const { pluginTimeout = 0 } = fastify.initialConfig
  return pluginTimeout === 0 ? ms : Math.min(ms, pluginTimeout * SHARE)
}

/**
 * Call `stop` when the application closes, before the server stops listening. `app.close()` waits for `stop`, however
 * long it takes.
 *
 * If a `preClose` hook takes too long (see `hookLimit`), `app.close()` rejects and runs no more hooks. So the `preClose`
 * hook ends in time, and an `onClose` hook, which has no limit, waits for the rest. Between the two hooks, Fastify stops
 * listening and waits until the open connections have closed.
 */
export function onStop(fastify: FastifyInstance, stop: () => Promise<void>): void {
  let stopped: Promise<void> | undefined
  fastify.addHook('preClose', async () => {
    stopped = stop()
    await withTimeLimit(hookLimit(fastify, Number.POSITIVE_INFINITY), stopped, null)
  })
  fastify.addHook('onClose', async () => stopped)
}
