import type { FastifyInstance } from 'fastify'
import { withTimeLimit } from '../runtime/time-limit.ts'

/** Part of `pluginTimeout` after which Fastify continues to close. The rest is a margin for late timers. */
const SHARE = 0.9

/**
 * Call `stop` when the application closes, before the server stops listening. `app.close()` waits for `stop`, however
 * long it takes.
 *
 * Fastify lets each `preClose` hook take at most `pluginTimeout` (10 s by default); then `app.close()` rejects and runs
 * no more hooks. So the `preClose` hook ends in time, and an `onClose` hook, which has no limit, waits for the rest.
 * Between the two hooks, Fastify stops listening and waits until the open connections have closed.
 */
export function onStop(fastify: FastifyInstance, stop: () => Promise<void>): void {
  const { pluginTimeout = 0 } = fastify.initialConfig
  const limit = pluginTimeout === 0 ? Number.POSITIVE_INFINITY : pluginTimeout * SHARE
  let stopped: Promise<void> | undefined
  fastify.addHook('preClose', async () => {
    stopped = stop()
    await withTimeLimit(limit, stopped, null)
  })
  fastify.addHook('onClose', async () => stopped)
}
