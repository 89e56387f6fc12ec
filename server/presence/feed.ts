import { Broadcast, PRESENCE_COUNT, PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/index.ts'
import { CallbackError } from '../errors.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { isPromise } from '../runtime/promise.ts'
import { type Fields, readJsonFields, withFields } from './fetch.ts'
import { PendingDiff } from './pending-diff.ts'
import type { PresenceSettings } from './settings.ts'
import { type Change, type Presence, type PresenceState, toEntries } from './state.ts'
import type { Tracked } from './tracked.ts'

/** What a feed needs of its tracker. */
export interface FeedSource {
  readonly settings: PresenceSettings
  readonly pubsub: PubSub
  view(topic: string): PresenceState
  /** This feed has nothing to do. */
  idle(topic: string): void
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError): void
}

/** What leaves together: a diff, then the state for those who asked, both of one moment. */
type Edition = Change & {
  readonly state: readonly Presence[]
  readonly readers: ReadonlySet<Tracked>
  /** How many keys there are; null if nobody is to be told. */
  readonly count: number | null
}

/** What goes out on one topic, in order: an edition per turn of the event loop, or per window. */
export class Feed {
  readonly #topic: string
  readonly #source: FeedSource
  readonly #pending: PendingDiff
  #readers: Set<Tracked>
  /** The readers of the edition that waits for its fetch. */
  #served: Set<Tracked>
  #isScheduled: boolean
  /** An edition is being fetched or sent. */
  #isBusy: boolean

  constructor(topic: string, source: FeedSource) {
    this.#topic = topic
    this.#source = source
    this.#pending = new PendingDiff()
    this.#readers = new Set()
    this.#served = new Set()
    this.#isScheduled = false
    this.#isBusy = false
  }

  /** Tell the topic of a change. */
  add(change: Change): void {
    this.#pending.add(change)
    this.#schedule()
  }

  /** The application has read the topic's list, and may push it to a client. */
  listed(): void {
    this.#pending.listed()
  }

  /** Push a channel the state, after the diff that is pending now (PRESENCE-5). */
  addReader(channel: Tracked): void {
    this.#readers.add(channel)
    this.#schedule()
  }

  /** The channel has ended, its client must not hear of the topic any more. */
  removeReader(channel: object): void {
    const readers: Set<object>[] = [this.#readers, this.#served]
    for (const set of readers) set.delete(channel)
  }

  /** Send what is pending; while a fetch runs it stays pending, so that a slow one is called less often. */
  flush(): void {
    if (this.#isBusy) return
    if (this.#pending.isEmpty && this.#readers.size === 0) return this.#rest()
    this.#isBusy = true
    const edition = this.#edit()
    const fields = this.#fetch(edition)
    if (isPromise(fields)) return this.#source.settle(this.#sendLater(edition, fields))
    this.#send(edition, fields)
    this.#rest()
  }

  /** What was scheduled is due. */
  due(): void {
    this.#isScheduled = false
    this.flush()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    const { windowMs } = this.#source.settings
    if (windowMs === 0) setImmediate(due, this)
    else setTimeout(due, windowMs, this).unref()
  }

  #edit(): Edition {
    const { maxState } = this.#source.settings
    const { joins, leaves } = this.#pending.take()
    const view = this.#source.view(this.#topic)
    const readers = this.#readers
    this.#served = readers
    this.#readers = new Set()
    return {
      joins,
      leaves,
      state: readers.size > 0 && view.size <= maxState ? [...view] : [],
      readers,
      // Also when those who left were too many: the last count told was above the limit.
      count: view.size + countGone(leaves, view) > maxState ? view.size : null,
    }
  }

  #fetch({ joins, leaves, state }: Edition): Fields | null | PromiseLike<Fields | null> {
    const { fetch } = this.#source.settings
    // When a whole room has left, nobody hears of it.
    if (fetch === null || !this.#isHeard) return null
    const all = new Map([...state, ...joins, ...leaves].map((presence) => [presence.meta.phx_ref, presence]))
    if (all.size === 0) return null
    try {
      const result = fetch(this.#topic, toEntries(all.values()))
      return isPromise(result) ? this.#fetched(result) : readJsonFields(result)
    } catch (cause) {
      return this.#failed(cause)
    }
  }

  async #fetched(result: PromiseLike<unknown>): Promise<Fields | null> {
    try {
      return readJsonFields(await result)
    } catch (cause) {
      return this.#failed(cause)
    }
  }

  #failed(cause: unknown): null {
    this.#source.report(new CallbackError(this.#source.settings.name, 'fetch', cause))
    return null
  }

  async #sendLater(edition: Edition, fields: PromiseLike<Fields | null>): Promise<void> {
    this.#send(edition, await fields)
    // What came while the fetch was running has waited long enough.
    if (!this.#isScheduled) this.flush()
  }

  #send(edition: Edition, fields: Fields | null): void {
    try {
      if (this.#isHeard) this.#write(edition, fields)
    } catch (cause) {
      // Fields are read once more when they are written, and getters may answer otherwise.
      this.#failed(cause)
    }
    this.#isBusy = false
  }

  #rest(): void {
    const isIdle = !this.#isScheduled && this.#pending.isEmpty && this.#readers.size === 0
    if (isIdle) this.#source.idle(this.#topic)
  }

  #write({ joins, leaves, state, readers, count }: Edition, fields: Fields | null): void {
    const hasDiff = joins.length > 0 || leaves.length > 0
    if (hasDiff) {
      this.#broadcast(PRESENCE_DIFF, {
        joins: withFields(toEntries(joins), fields),
        leaves: withFields(toEntries(leaves), fields),
      })
    }
    const entries = withFields(toEntries(state), fields)
    for (const reader of readers) reader.push(PRESENCE_STATE, entries)
    if (count === null) return
    if (hasDiff) this.#broadcast(PRESENCE_COUNT, { count })
    else for (const reader of readers) reader.push(PRESENCE_COUNT, { count })
  }

  get #isHeard(): boolean {
    return this.#source.pubsub.subscribers(this.#topic).size > 0
  }

  #broadcast(event: string, payload: object): void {
    this.#source.pubsub.localBroadcast(new Broadcast(this.#topic, event, payload))
  }
}

/** How many keys have nobody left. */
function countGone(leaves: readonly Presence[], view: PresenceState): number {
  const keys = new Set(leaves.map(({ key }) => key))
  return [...keys].filter((key) => view.of(key).length === 0).length
}

function due(feed: Feed): void {
  feed.due()
}
