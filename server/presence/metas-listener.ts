import { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import { type Change, type Entries, type PresenceState, toEntries } from './state.ts'
import type { PresenceEndpoint } from './tracked.ts'

/** Presences that joined and presences that left, each by presence key. */
export type MetasDiff = { readonly joins: Entries; readonly leaves: Entries }

/** Context for `handleMetas`: the endpoint, and `list`, which returns the topic's current presences when called. */
export type MetasContext = { readonly endpoint: PresenceEndpoint; list(): Entries }

/** Callback for each change of a topic's presences, on this node or another node. */
export type HandleMetas = (topic: string, diff: MetasDiff, context: MetasContext) => unknown

/** Interface through which a `MetasListener` uses its tracker. */
export interface MetasSource {
  readonly settings: { readonly name: string }
  readonly endpoint: PresenceEndpoint
  view(topic: string): PresenceState
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError): void
}

type TopicChange = Change & { readonly topic: string }

/** Calls `handleMetas` with one change at a time. If a call returns a promise, later changes wait for the promise. */
export class MetasListener {
  readonly #handle: HandleMetas
  readonly #source: MetasSource
  #waiting: TopicChange[]
  #isBusy: boolean

  constructor(handle: HandleMetas, source: MetasSource) {
    this.#handle = handle
    this.#source = source
    this.#waiting = []
    this.#isBusy = false
  }

  /** Call `handleMetas` with a change: immediately, or after the calls for earlier changes have ended. */
  add(topic: string, { joins, leaves }: Change): void {
    this.#waiting.push({ topic, joins, leaves })
    if (!this.#isBusy) this.#drain()
  }

  #drain(): void {
    this.#isBusy = true
    for (let change = this.#waiting.shift(); change !== undefined; change = this.#waiting.shift()) {
      const pending = this.#call(change)
      if (pending !== null) return this.#source.settle(this.#wait(pending))
    }
    this.#isBusy = false
  }

  async #wait(pending: PromiseLike<unknown>): Promise<void> {
    try {
      await pending
    } catch (cause) {
      this.#failed(cause)
    }
    this.#drain()
  }

  /** Call `handleMetas`. Returns the promise that `handleMetas` returned, or null if it returned no promise. */
  #call({ topic, joins, leaves }: TopicChange): PromiseLike<unknown> | null {
    const { endpoint } = this.#source
    const list = (): Entries => toEntries(this.#source.view(topic))
    try {
      const diff = { joins: toEntries(joins), leaves: toEntries(leaves) }
      const result = this.#handle(topic, diff, { endpoint, list })
      return isPromise(result) ? result : null
    } catch (cause) {
      this.#failed(cause)
      return null
    }
  }

  #failed(cause: unknown): void {
    this.#source.report(new CallbackError(this.#source.settings.name, 'handleMetas', cause))
  }
}
