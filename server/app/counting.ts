import type { Registry } from 'prom-client'
import type { Endpoint } from '../index.ts'
import { type Metrics, metrics } from '../metrics/index.ts'

/** The figures of this process: counted once for all who read them, and not at all while nobody does. */
export class Counting {
  /** The plugin makes the endpoint only later on. */
  readonly #endpoint: () => Endpoint
  #holders: number
  #metrics: Metrics<Registry> | null

  constructor(endpoint: () => Endpoint) {
    this.#endpoint = endpoint
    this.#holders = 0
    this.#metrics = null
  }

  /** Have everything counted until `release`, which is to be called as often. */
  hold(): Registry {
    this.#holders += 1
    this.#metrics ??= metrics(this.#endpoint())
    return this.#metrics.registry
  }

  release(): void {
    this.#holders -= 1
    if (this.#holders > 0) return
    this.#metrics?.stop()
    this.#metrics = null
  }
}
