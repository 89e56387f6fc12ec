import { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import { type Change, type Entries, type PresenceState, toEntries } from './state.ts'
import type { PresenceEndpoint } from './tracked.ts'

/** Presences that came and went, by key. */
export type MetasDiff = { readonly joins: Entries; readonly leaves: Entries }

/** Where a change happened: the running system, and who is present as of the call of `list`. */
export type MetasContext = { readonly endpoint: PresenceEndpoint; list(): Entries }

/** Hears of every change of who is present, whichever node it comes from. */
export type HandleMetas = (topic: string, diff: MetasDiff, context: MetasContext) => unknown

/** What the listener needs of its tracker. */
export interface MetasSource {
  readonly settings: { readonly name: string }
  readonly endpoint: PresenceEndpoint
  view(topic: string): PresenceState
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError): void
}

type TopicChange = Change & { readonly topic: string }

/** Calls `handleMetas` with one change after the other: while its promise is pending, later changes wait. */
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

  /** Tell the callback of a change now, or when it is done with those before. */
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

  /** The callback's promise, if it returns one. */
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
