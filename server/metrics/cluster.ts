import cluster, { type Worker } from 'node:cluster'
import { AggregatorRegistry, type PrometheusContentType, type Registry } from 'prom-client'
import { checkOption } from '../../protocol/check.ts'
import { wordsOf } from '../errors.ts'
import { isObject } from '../runtime/object.ts'
import { withTimeLimit } from '../runtime/time-limit.ts'
import { onLastMetrics } from './last-metrics.ts'
import { registryRule } from './metrics.ts'

/** Milliseconds to wait for a worker process. After this time, the latest known values of the process are used. */
const COLLECT_MS = 1_000
/** Milliseconds to wait for the primary. After this time, a worker process returns only its own metrics. */
const ASK_MS = 3_000
/** Id of the message with which a worker process sends its metrics before it ends. Ids of requests start at 1. */
const LAST_ID = 0

type Json = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/**
 * Messages between primary and worker processes, on the IPC channel of `node:cluster`. Other code can send messages on
 * this channel too.
 */
type MetricsMessage =
  | { readonly metrics: 'ask' | 'collect'; readonly id: number }
  | { readonly metrics: 'collected'; readonly id: number; readonly json: Json }
  | { readonly metrics: 'answer'; readonly id: number; readonly text: string }
  // The metrics that the other side has requested cannot be read, for example because a gauge's `collect` has thrown.
  | { readonly metrics: 'failed'; readonly id: number; readonly reason: string }

/**
 * In the primary of `node:cluster`: merge the metrics of all worker processes whenever a worker process asks for them.
 * Returns a function that ends the merging. The sums include the counts of processes that have ended. A process that
 * `cluster()` shuts down sends its final counts. For a process that crashes, the counts of the latest scrape are used.
 */
export function mergeMetrics(): () => void {
  const merger = new Merger()
  const onMessage = (worker: Worker, message: unknown): void => merger.take(worker, message)
  const onDisconnect = (worker: Worker): void => merger.ended(worker)
  cluster.on('message', onMessage)
  // Use `disconnect` instead of `exit`, because messages of the worker process can arrive after its exit.
  cluster.on('disconnect', onDisconnect)
  return () => {
    cluster.off('message', onMessage)
    cluster.off('disconnect', onDisconnect)
  }
}

/** Metrics of all worker processes, as seen by one worker process. */
export type SharedMetrics = {
  /**
   * Return the text for Prometheus. If the primary does not respond, the text has only the metrics of this process.
   * Rejects with the reason if the metrics of a worker process cannot be read.
   */
  metrics(): Promise<string>
  /** Stop sharing the metrics of this process with the primary. */
  stop(): void
}

/**
 * In a worker process of `node:cluster`: share a registry's metrics with the primary, and ask the primary for the
 * metrics of all processes. @throws UsageError with `PHX_ERR_OPTION` when `registry` is not a Registry of prom-client.
 */
export function shareMetrics(registry: Registry): SharedMetrics {
  checkOption('shareMetrics: the registry', registry, registryRule)
  const asked = new Map<number, (answer: MetricsMessage) => void>()
  const onMessage = (given: unknown): void => {
    const message = readMessage(given)
    if (message?.metrics === 'collect') void collect(registry, message.id)
    else if (message !== null) asked.get(message.id)?.(message)
  }
  process.on('message', onMessage)
  const unsubscribe = onLastMetrics(() => collect(registry, LAST_ID))
  let lastId = 0
  const metrics = async (): Promise<string> => {
    const id = ++lastId
    const answered = new Promise<MetricsMessage>((resolve) => {
      asked.set(id, resolve)
      void sendToPrimary({ metrics: 'ask', id })
    })
    const answer = await withTimeLimit(ASK_MS, answered, null)
    asked.delete(id)
    if (answer?.metrics === 'failed') throw new Error(answer.reason)
    return answer?.metrics === 'answer' ? answer.text : registry.metrics()
  }
  const stop = (): void => {
    process.off('message', onMessage)
    unsubscribe()
  }
  return { metrics, stop }
}

/** Send the metrics of this process to the primary, or the reason why they cannot be read. Never rejects. */
async function collect(registry: Registry, id: number): Promise<void> {
  await sendToPrimary(await read(registry, id))
}

async function read(registry: Registry, id: number): Promise<MetricsMessage> {
  try {
    return { metrics: 'collected', id, json: await registry.getMetricsAsJSON() }
  } catch (error) {
    const reason = `cannot read the metrics of worker process ${process.pid}: ${wordsOf(error)}`
    return { metrics: 'failed', id, reason }
  }
}

/** Resolves when the message is written. Never rejects. */
function sendToPrimary(message: MetricsMessage): Promise<void> {
  return new Promise((resolve) => {
    // Ignore errors: the primary may have ended.
    if (process.send?.(message, undefined, undefined, () => resolve()) === undefined) resolve()
  })
}

/** Collects the metrics of worker processes, and keeps the latest metrics of each process. */
class Merger {
  /** Latest metrics of each worker process, by its id. */
  readonly #latest: Map<number, Json>
  /** Counters and histograms of ended worker processes, added together. Null if there are none. */
  #ended: Json | null
  #lastId: number
  /** Listeners for the responses of worker processes, by the id of the `collect` message. */
  readonly #waiting: Map<number, (worker: number, failure: string | null) => void>

  constructor() {
    this.#latest = new Map()
    this.#ended = null
    this.#lastId = 0
    this.#waiting = new Map()
  }

  take(worker: Worker, given: unknown): void {
    const message = readMessage(given)
    if (message?.metrics === 'ask') void this.#answer(worker, message.id)
    else if (message?.metrics === 'collected') {
      this.#latest.set(worker.id, message.json)
      this.#waiting.get(message.id)?.(worker.id, null)
    } else if (message?.metrics === 'failed') this.#waiting.get(message.id)?.(worker.id, message.reason)
  }

  ended(worker: Worker): void {
    const latest = this.#latest.get(worker.id)
    this.#latest.delete(worker.id)
    for (const answered of this.#waiting.values()) answered(worker.id, null)
    if (latest !== undefined) void this.#keep(latest.filter(isCount))
  }

  async #answer(worker: Worker, id: number): Promise<void> {
    const message = await this.#readAll(id)
    if (worker.isConnected()) worker.send(message, () => {})
  }

  async #readAll(id: number): Promise<MetricsMessage> {
    try {
      const reason = await this.#collect()
      if (reason !== null) return { metrics: 'failed', id, reason }
      const known = [...this.#latest.values(), ...(this.#ended === null ? [] : [this.#ended])]
      return { metrics: 'answer', id, text: await merge(known).metrics() }
    } catch (error) {
      return {
        metrics: 'failed',
        id,
        reason: `cannot merge the metrics of the worker processes: ${wordsOf(error)}`,
      }
    }
  }

  /**
   * Ask all worker processes for their metrics, and wait for the responses, at most `COLLECT_MS`. Resolves with the
   * reason if a process cannot read its metrics, otherwise with null.
   */
  async #collect(): Promise<string | null> {
    const id = ++this.#lastId
    const message: MetricsMessage = { metrics: 'collect', id }
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected())
    const missing = new Set(workers.map((worker) => worker?.id))
    if (missing.size === 0) return null
    let reason: string | null = null
    const answered = new Promise<void>((resolve) => {
      this.#waiting.set(id, (worker, failure) => {
        reason ??= failure
        missing.delete(worker)
        if (missing.size === 0) resolve()
      })
      for (const worker of workers) worker?.send(message, () => {})
    })
    await withTimeLimit(COLLECT_MS, answered, null)
    this.#waiting.delete(id)
    return reason
  }

  /**
   * Add the counts of an ended process to the sum, because a counter must never decrease. Counts that cannot be merged
   * are dropped. Never rejects.
   */
  async #keep(counts: Json): Promise<void> {
    const all = this.#ended === null ? [counts] : [this.#ended, counts]
    try {
      this.#ended = await merge(all).getMetricsAsJSON()
    } catch {
      // A metric of the ended process has an unknown aggregator. Earlier scrapes have failed with this error.
    }
  }
}

function isCount({ type }: Json[number]): boolean {
  // At run time `type` is a string, although the type declarations of prom-client say number.
  const word = String(type)
  return word === 'counter' || word === 'histogram'
}

function merge(all: readonly Json[]): Registry {
  return AggregatorRegistry.aggregate<PrometheusContentType>([...all])
}

function readMessage(message: unknown): MetricsMessage | null {
  // The cast is safe unless other code sends a known value of `metrics`. The callers ignore unknown values.
  return isObject(message) && 'metrics' in message ? (message as MetricsMessage) : null
}
