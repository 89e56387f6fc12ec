import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { withTimeLimit } from '../runtime/time-limit.ts'

/**
 * Name of the channel on which a worker process asks for the last metrics. A channel, because `cluster` must also run
 * without prom-client, so it cannot import the code that has the registries.
 */
const NAME = 'fastify-phoenix.last_metrics'
/** Milliseconds to wait for the metrics before the process ends without them. */
const SEND_MS = 1_000

/** Request for the last metrics. A listener adds the promise of its work. */
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

/** Call `send` when the last metrics are to be sent, until the returned function is called. */
export function onLastMetrics(send: () => PromiseLike<void>): () => void {
  // A cast, because only this file publishes on the channel.
  const listener = (last: unknown): void => void (last as LastMetrics).sending.push(send())
  subscribe(NAME, listener)
  return () => void unsubscribe(NAME, listener)
}
