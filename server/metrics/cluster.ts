import cluster, { type Worker } from 'node:cluster'
import { AggregatorRegistry, type PrometheusContentType, type Registry } from 'prom-client'
import { checkOption } from '../../protocol/check.ts'
import { registryRule } from './metrics.ts'

/** A worker process that does not answer within so many milliseconds is counted as it was last. */
const COLLECT_MS = 1_000
/** A primary that does not answer within so many milliseconds does not merge. */
const ASK_MS = 3_000

type Json = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** What primary and workers say to each other; others use the same channel. */
type Message =
  | { readonly metrics: 'ask' | 'collect'; readonly id: number }
  | { readonly metrics: 'collected'; readonly id: number; readonly json: Json }
  | { readonly metrics: 'answer'; readonly id: number; readonly text: string }

/**
 * In the primary of `node:cluster`: merge the figures of the worker processes for whichever of them is
 * asked, until the returned function is called. Counts of those that have ended stay in the sums, as far
 * as they were collected.
 */
export function mergeMetrics(): () => void {
  const merger = new Merger()
  const onMessage = (worker: Worker, message: unknown): void => merger.take(worker, message)
  const onExit = (worker: Worker): void => merger.ended(worker)
  cluster.on('message', onMessage)
  cluster.on('exit', onExit)
  return () => {
    cluster.off('message', onMessage)
    cluster.off('exit', onExit)
  }
}

/** The figures of all worker processes, as one of them tells them. */
export type SharedMetrics = {
  /** The text that Prometheus reads; of this process alone if the primary does not merge. */
  metrics(): Promise<string>
  /** Share no more. */
  stop(): void
}

/**
 * In a worker process of `node:cluster`: give a registry's figures to the primary, and ask it for those of all.
 * @throws UsageError with `PHX_ERR_OPTION` when `registry` is not a Registry of prom-client.
 */
export function shareMetrics(registry: Registry): SharedMetrics {
  checkOption('shareMetrics: the registry', registry, registryRule)
  const asked = new Map<number, (text: string) => void>()
  const onMessage = (given: unknown): void => {
    const message = read(given)
    if (message?.metrics === 'collect') void collect(registry, message.id)
    else if (message?.metrics === 'answer') asked.get(message.id)?.(message.text)
  }
  process.on('message', onMessage)
  let lastId = 0
  const metrics = async (): Promise<string> => {
    const id = ++lastId
    const answer = new Promise<string | null>((resolve) => {
      const timer = setTimeout(resolve, ASK_MS, null)
      asked.set(id, (text) => {
        clearTimeout(timer)
        resolve(text)
      })
      tell({ metrics: 'ask', id })
    })
    const text = await answer
    asked.delete(id)
    return text ?? registry.metrics()
  }
  return { metrics, stop: () => void process.off('message', onMessage) }
}

async function collect(registry: Registry, id: number): Promise<void> {
  tell({ metrics: 'collected', id, json: await registry.getMetricsAsJSON() })
}

function tell(message: Message): void {
  // The primary may have gone, which is no reason to fail.
  process.send?.(message, undefined, undefined, () => {})
}

/** Collects from the worker processes, and remembers what they had. */
class Merger {
  /** By worker, what it had when it was last collected. */
  readonly #latest: Map<number, Json>
  /** The counts of those that have ended; null while none has. */
  #ended: Json | null
  #lastId: number
  /** By the collection's id, who is told when a worker has answered. */
  readonly #waiting: Map<number, (worker: number) => void>

  constructor() {
    this.#latest = new Map()
    this.#ended = null
    this.#lastId = 0
    this.#waiting = new Map()
  }

  take(worker: Worker, given: unknown): void {
    const message = read(given)
    if (message?.metrics === 'ask') void this.#answer(worker, message.id)
    else if (message?.metrics === 'collected') {
      this.#latest.set(worker.id, message.json)
      this.#waiting.get(message.id)?.(worker.id)
    }
  }

  ended(worker: Worker): void {
    const latest = this.#latest.get(worker.id)
    this.#latest.delete(worker.id)
    for (const answered of this.#waiting.values()) answered(worker.id)
    if (latest !== undefined) void this.#keep(latest.filter(isCount))
  }

  async #answer(worker: Worker, id: number): Promise<void> {
    await this.#collect()
    const known = [...this.#latest.values(), ...(this.#ended === null ? [] : [this.#ended])]
    const text = await merge(known).metrics()
    const message: Message = { metrics: 'answer', id, text }
    if (worker.isConnected()) worker.send(message, () => {})
  }

  /** Have every worker process answer, or its time run out. */
  async #collect(): Promise<void> {
    const id = ++this.#lastId
    const message: Message = { metrics: 'collect', id }
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected())
    const missing = new Set(workers.map((worker) => worker?.id))
    if (missing.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, COLLECT_MS)
      this.#waiting.set(id, (worker) => {
        missing.delete(worker)
        if (missing.size > 0) return
        clearTimeout(timer)
        resolve()
      })
      for (const worker of workers) worker?.send(message, () => {})
    })
    this.#waiting.delete(id)
  }

  /** A counter that goes down would look as if everything had begun anew. */
  async #keep(counts: Json): Promise<void> {
    const all = this.#ended === null ? [counts] : [this.#ended, counts]
    this.#ended = await merge(all).getMetricsAsJSON()
  }
}

function isCount({ type }: Json[number]): boolean {
  // At run time the types are words; the declarations of prom-client have numbers.
  const word = String(type)
  return word === 'counter' || word === 'histogram'
}

function merge(all: readonly Json[]): Registry {
  return AggregatorRegistry.aggregate<PrometheusContentType>([...all])
}

function read(message: unknown): Message | null {
  // Nobody but the two ends of this file writes such messages.
  return typeof message === 'object' && message !== null && 'metrics' in message ? (message as Message) : null
}
