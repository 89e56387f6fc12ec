import { matchTopic } from '../../protocol/index.ts'
import { shown } from '../../protocol/shown.ts'
import { type CallbackError, UsageError } from '../errors.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import { readFields, withFields } from './fetch.ts'
import { type CheckMeta, makeMeta } from './meta.ts'
import { MetasListener, type MetasSource } from './metas-listener.ts'
import { type BroadcasterHost, PresenceBroadcaster } from './presence-broadcaster.ts'
import type { PresenceSettings } from './settings.ts'
import {
  type Change,
  type Entries,
  type Meta,
  type Presence,
  type PresenceState,
  toEntries,
} from './state.ts'
import type { OpenStore, PresenceStore } from './store.ts'
import type { PresenceEndpoint, PresenceOwner, Tracked, TrackedListener } from './tracked.ts'

/** Result of `track`: the `phx_ref` of the meta, or the reason why nothing was tracked. */
export type TrackResult = { readonly ok: string } | { readonly error: 'already_tracked' }
/** Result of `update`: the `phx_ref` of the new meta, or the reason why nothing was updated. */
export type UpdateResult = { readonly ok: string } | { readonly error: 'nopresence' }

type MaybeEntry = Entries[string] | undefined

/** Owner and topic of a presence. The presence leaves when the owner ends. */
export type Place = { readonly owner: PresenceOwner; readonly topic: string }

/** Interface through which a tracker uses its endpoint. */
export interface TrackerHost extends PresenceEndpoint {
  readonly pubsub: PubSub
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError): void
}

// In each endpoint, a presence definition works in three steps. `Tracker` writes presences to a store, and
// removes them when their owners (channels and workers) end. The store (`PresenceStore`) holds the presences of each
// topic: a `LocalStore` on a single node, a `RedisStore` in a cluster. The store reports every change, including those
// of other nodes. Each change goes to the topic's `PresenceBroadcaster`, which merges the changes of one window into
// one `presence_diff` and sends the diff to the clients of this node.
//
// Invariant: no change is both in a client's `presence_state` and in a later `presence_diff`. Therefore the topic's
// broadcaster also sends `presence_state`, right after the `presence_diff` with the latest changes.

/** Presences of one definition in one endpoint. When an owner (a channel or worker) ends, its presences are removed. */
export class Tracker implements BroadcasterHost, MetasSource, TrackedListener {
  readonly settings: PresenceSettings
  readonly #host: TrackerHost
  readonly #check: CheckMeta | null
  readonly #store: PresenceStore
  /** Metas of each owner that has not ended, by topic and key. */
  readonly #owners: Map<object, Map<string, Map<string, Meta>>>
  readonly #broadcasters: Map<string, PresenceBroadcaster>
  readonly #listener: MetasListener | null

  constructor(
    settings: PresenceSettings,
    host: TrackerHost,
    parts: { check: CheckMeta | null; open: OpenStore },
  ) {
    this.settings = settings
    this.#host = host
    this.#check = parts.check
    this.#store = parts.open(
      settings,
      (topic, change) => this.#changed(topic, change),
      // Joins of these presences may still be pending or wait for `fetch`. A client that joins the topic now would get
      // these joins, so it must get the leaves, too.
      (topic, change) => this.#broadcasters.get(topic)?.add(change),
    )
    this.#owners = new Map()
    this.#broadcasters = new Map()
    const { handleMetas } = settings
    this.#listener = handleMetas === null ? null : new MetasListener(handleMetas, this)
  }

  get pubsub(): PubSub {
    return this.#host.pubsub
  }

  get endpoint(): PresenceEndpoint {
    return this.#host
  }

  /** Number of presences that this node tracks. */
  get size(): number {
    let size = 0
    for (const topics of this.#owners.values()) for (const metas of topics.values()) size += metas.size
    return size
  }

  /** Track an owner under a key. @throws UsageError when the key, the meta or the topic is invalid. */
  track({ owner, topic }: Place, key: string, given: unknown): TrackResult {
    if (this.#owners.get(owner)?.get(topic)?.has(key)) return { error: 'already_tracked' }
    if (!key.isWellFormed()) {
      const legal = 'well-formed Unicode, without lone surrogates'
      throw new UsageError('PHX_ERR_META', `presence key must be ${legal} (got ${shown(key)})`)
    }
    const meta = makeMeta(given, this.#check, null)
    // If `given` has a `toJSON` method, its call may have tracked the owner under this key.
    if (this.#owners.get(owner)?.get(topic)?.has(key)) return { error: 'already_tracked' }
    const topics = this.#listenTo(owner, topic)
    // If the owner has ended, `topics` is null. Then nothing is tracked, but the result is `ok`, as in Phoenix.
    if (topics !== null) {
      const metas = topics.get(topic)
      if (metas === undefined) topics.set(topic, new Map([[key, meta]]))
      else metas.set(key, meta)
      this.#store.change(topic, { joins: [{ key, meta }], leaves: [] })
    }
    return { ok: meta.phx_ref }
  }

  /**
   * Replace the meta of a presence. One diff has the leave of the old meta and the join of the new meta (PRESENCE-4).
   * @throws UsageError when the meta is invalid.
   */
  update({ owner, topic }: Place, key: string, change: unknown): UpdateResult {
    const left = this.#owners.get(owner)?.get(topic)?.get(key)
    if (left === undefined) return { error: 'nopresence' }
    const meta = makeMeta(typeof change === 'function' ? change(left) : change, this.#check, left)
    const metas = this.#owners.get(owner)?.get(topic)
    // If `change` is a function, its call may have untracked or updated this presence.
    if (metas?.get(key) !== left) return { error: 'nopresence' }
    metas.set(key, meta)
    this.#store.change(topic, { joins: [{ key, meta }], leaves: [{ key, meta: left }] })
    return { ok: meta.phx_ref }
  }

  /** Remove an owner's presence under a key. Does nothing if the owner has no presence under this key. */
  untrack({ owner, topic }: Place, key: string): void {
    const topics = this.#owners.get(owner)
    const metas = topics?.get(topic)
    const meta = metas?.get(key)
    if (topics === undefined || metas === undefined || meta === undefined) return
    metas.delete(key)
    if (metas.size === 0) topics.delete(topic)
    this.#store.change(topic, { joins: [], leaves: [{ key, meta }] })
  }

  /** Remove all presences of an owner that has ended. */
  ended(owner: object): void {
    const topics = this.#owners.get(owner)
    this.#owners.delete(owner)
    if ('topic' in owner) this.#broadcasters.get(String(owner.topic))?.removeReader(owner)
    for (const [topic, metas] of topics ?? []) {
      const leaves = [...metas].map(([key, meta]) => ({ key, meta }))
      this.#store.change(topic, { joins: [], leaves })
    }
  }

  /** Push `presence_state` to a channel, after the `presence_diff` with the channel's own presence (PRESENCE-5). */
  pushState(channel: Tracked): void {
    if (channel.isJoining) {
      throw new UsageError(
        'PHX_ERR_NOT_JOINED',
        `${channel.topic}: pushState() must be called after the join is answered: call sendInfo() in join, and pushState() in handleInfo`,
      )
    }
    if (this.#listenTo(channel, channel.topic) !== null) this.#broadcaster(channel.topic).addReader(channel)
  }

  /** List the presences on a channel's topic, with the fields of `fetch`. Returns a promise if `fetch` does. */
  list({ topic }: Tracked): Entries | Promise<Entries> {
    // If there is no window, send the pending `presence_diff` first. Applications often push the list to a client that
    // has just joined. The diff with this client's own presence should arrive before the list.
    if (this.settings.windowMs === 0) this.#broadcasters.get(topic)?.flush()
    return this.#complete(topic, this.view(topic), identity)
  }

  /** Entry of one key of a channel's topic; undefined if there is no presence under this key. */
  getByKey({ topic }: Tracked, key: string): MaybeEntry | Promise<MaybeEntry> {
    return this.#complete(topic, this.view(topic).of(key), (entries) => entries[key])
  }

  /** List the presences on a topic, from all nodes of the cluster, even if this node has no channel on the topic. */
  async listAnywhere(topic: string): Promise<Entries> {
    return this.#complete(topic, await this.#store.read(topic), identity)
  }

  /** Like `getByKey`, but also complete if this node has no channel on the topic. */
  async getByKeyAnywhere(topic: string, key: string): Promise<MaybeEntry> {
    return this.#complete(topic, (await this.#store.read(topic)).of(key), (entries) => entries[key])
  }

  view(topic: string): PresenceState {
    return this.#store.view(topic)
  }

  idle(topic: string): void {
    this.#broadcasters.delete(topic)
  }

  settle(promise: PromiseLike<unknown>): void {
    this.#host.settle(promise)
  }

  report(error: CallbackError): void {
    this.#host.report(error)
  }

  #changed(topic: string, change: Change): void {
    if (change.joins.length === 0 && change.leaves.length === 0) return
    this.#broadcaster(topic).add(change)
    this.#listener?.add(topic, change)
  }

  #complete<T>(
    topic: string,
    presences: Iterable<Presence>,
    choose: (entries: Entries) => T,
  ): T | Promise<T> {
    const entries = toEntries(presences)
    this.#broadcasters.get(topic)?.listed()
    const { fetch } = this.settings
    if (fetch === null) return choose(entries)
    const complete = (result: unknown): T => choose(withFields(entries, readFields(result)))
    // Pass a copy to `fetch`, so that `fetch` cannot remove keys or metas from `entries`.
    const result = fetch(topic, toEntries(presences))
    return isPromise(result) ? adopt(result).then(complete) : complete(result)
  }

  #broadcaster(topic: string): PresenceBroadcaster {
    let broadcaster = this.#broadcasters.get(topic)
    if (broadcaster === undefined) {
      broadcaster = new PresenceBroadcaster(topic, this)
      this.#broadcasters.set(topic, broadcaster)
    }
    return broadcaster
  }

  /**
   * Return the metas of an owner by topic and key; null if the owner has ended. The first call for an owner registers
   * this tracker as a listener of the owner, so that `ended` removes the metas.
   */
  #listenTo(owner: PresenceOwner, topic: string): Map<string, Map<string, Meta>> | null {
    const known = this.#owners.get(owner)
    if (known?.has(topic)) return known
    this.#checkTopic(topic)
    if (known === undefined) {
      this.#owners.set(owner, new Map())
      owner.onEnd(this)
    }
    return this.#owners.get(owner) ?? null
  }

  #checkTopic(topic: string): void {
    const { name, pattern } = this.settings
    if (matchTopic(pattern, topic)) return
    throw new UsageError(
      'PHX_ERR_DEFINITION',
      `presence "${name}": the topic must match "${pattern.pattern}" (got "${topic}")`,
    )
  }
}

function identity(entries: Entries): Entries {
  return entries
}
