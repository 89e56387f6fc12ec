import { Broadcast, PRESENCE_COUNT, PRESENCE_DIFF, PRESENCE_STATE } from '../../protocol/index.ts'
import { CallbackError } from '../errors.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { isPromise } from '../runtime/promise.ts'
import { type Fields, readJsonFields, withFields } from './fetch.ts'
import { PendingDiff } from './pending-diff.ts'
import type { PresenceSettings } from './settings.ts'
import { type Change, type Presence, type PresenceState, toEntries } from './state.ts'
import type { Tracked } from './tracked.ts'

/** Interface through which a `PresenceBroadcaster` uses its tracker. */
export interface BroadcasterHost {
  readonly settings: PresenceSettings
  readonly pubsub: PubSub
  view(topic: string): PresenceState
  /** Called when the broadcaster of a topic is idle and can be dropped. */
  idle(topic: string): void
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError): void
}

/** Frames that are sent together: a diff for all clients, then the state for the channels in `readers`. */
type PresenceUpdate = Change & {
  readonly state: readonly Presence[]
  readonly readers: ReadonlySet<Tracked>
  /** Number of the topic's keys, sent as `presence_count`; null if no count is sent. */
  readonly count: number | null
}

/**
 * Sends the presence frames of one topic in order: one update per event-loop turn or, if `windowMs` is not 0, one
 * update per window.
 */
export class PresenceBroadcaster {
  readonly #topic: string
  readonly #source: BroadcasterHost
  readonly #pending: PendingDiff
  #readers: Set<Tracked>
  /** Channels to which the current update sends `presence_state`. The update may still wait for `fetch`. */
  #served: Set<Tracked>
  #isScheduled: boolean
  /** True while `fetch` runs for an update, and while the update is being sent. */
  #isBusy: boolean

  constructor(topic: string, source: BroadcasterHost) {
    this.#topic = topic
    this.#source = source
    this.#pending = new PendingDiff()
    this.#readers = new Set()
    this.#served = new Set()
    this.#isScheduled = false
    this.#isBusy = false
  }

  /** Add a change to the next update. */
  add(change: Change): void {
    this.#pending.add(change)
    this.#schedule()
  }

  /** Called when the application reads the topic's presences, and may send them to clients before the next diff. */
  listed(): void {
    this.#pending.listed()
  }

  /** Push the state to a channel, after the diff that is pending now (PRESENCE-5). */
  addReader(channel: Tracked): void {
    this.#readers.add(channel)
    this.#schedule()
  }

  /** Remove a channel that has ended, because its client must not get further frames of the topic. */
  removeReader(channel: object): void {
    const readers: Set<object>[] = [this.#readers, this.#served]
    for (const set of readers) set.delete(channel)
  }

  /** Send the pending update. While `fetch` runs, changes stay pending, so that a slow `fetch` is called less often. */
  flush(): void {
    if (this.#isBusy) return
    if (this.#pending.isEmpty && this.#readers.size === 0) return this.#rest()
    this.#isBusy = true
    const update = this.#takeUpdate()
    const fields = this.#fetch(update)
    if (isPromise(fields)) return this.#source.settle(this.#sendLater(update, fields))
    this.#send(update, fields)
    this.#rest()
  }

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

  #takeUpdate(): PresenceUpdate {
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
      // Send the count if the topic has more than `maxState` keys, including the keys that this update removes.
      count: view.size + countGone(leaves, view) > maxState ? view.size : null,
    }
  }

  #fetch({ joins, leaves, state }: PresenceUpdate): Fields | null | PromiseLike<Fields | null> {
    const { fetch } = this.#source.settings
    // Skip `fetch` if the topic has no subscribers, for example because all its clients have left.
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

  async #sendLater(update: PresenceUpdate, fields: PromiseLike<Fields | null>): Promise<void> {
    this.#send(update, await fields)
    // If no window is open, send the changes whose window ended while `fetch` ran.
    if (!this.#isScheduled) this.flush()
  }

  #send(update: PresenceUpdate, fields: Fields | null): void {
    try {
      if (this.#isHeard) this.#write(update, fields)
    } catch (cause) {
      // The frame may be too long or too deep to be encoded, even if the fields alone are not.
      this.#failed(cause)
    }
    this.#isBusy = false
  }

  #rest(): void {
    const isIdle = !this.#isScheduled && this.#pending.isEmpty && this.#readers.size === 0
    if (isIdle) this.#source.idle(this.#topic)
  }

  #write({ joins, leaves, state, readers, count }: PresenceUpdate, fields: Fields | null): void {
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

/** Number of keys in `leaves` that no longer have a presence in `view`. */
function countGone(leaves: readonly Presence[], view: PresenceState): number {
  const keys = new Set(leaves.map(({ key }) => key))
  return [...keys].filter((key) => view.of(key).length === 0).length
}

function due(broadcaster: PresenceBroadcaster): void {
  broadcaster.due()
}
