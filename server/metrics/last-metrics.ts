import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { withTimeLimit } from '../runtime/time-limit.ts'

/**
 * Name of the diagnostics channel on which `server/cluster/` requests the last metrics of a worker process. That folder
 * cannot call the metrics code directly, because it must also run without prom-client.
 */
const NAME = 'fastify-phoenix.last_metrics'
/** Milliseconds to wait for the metrics before the process ends without them. */
const SEND_MS = 1_000

/** Message that requests the last metrics of this process. Each listener adds a promise to `sending`. */
type LastMetrics = { readonly sending: PromiseLike<void>[] }

/**
 * Send the last metrics of this worker process to the primary: without them, the counts since the last scrape would be
 * lost. Resolves when they are sent, or after `SEND_MS`. Never rejects.
 */
export async function sendLastMetrics(): Promise<void> {
  const last: LastMetrics = { sending: [] }
  channel(NAME).publish(last)
  await withTimeLimit(SEND_MS, Promise.allSettled(last.sending), null)
}

/** Register `send` to be called before this worker process ends. Returns a function that unregisters `send`. */
export function onLastMetrics(send: () => PromiseLike<void>): () => void {
  // The cast is safe: only this file publishes on the channel.
  const listener = (last: unknown): void => void (last as LastMetrics).sending.push(send())
  subscribe(NAME, listener)
  return () => void unsubscribe(NAME, listener)
}
