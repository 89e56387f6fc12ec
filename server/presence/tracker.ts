import { matchTopic } from '../../protocol/index.ts'
import { type CallbackError, UsageError } from '../errors.ts'
import type { PubSub } from '../pubsub/pubsub.ts'
import { adopt, isPromise } from '../runtime/promise.ts'
import { Feed, type FeedSource } from './feed.ts'
import { readFields, withFields } from './fetch.ts'
import { type CheckMeta, makeMeta } from './meta.ts'
import { MetasListener, type MetasSource } from './metas-listener.ts'
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

/** The reference of a tracked meta, or why there is none. */
export type TrackResult = { readonly ok: string } | { readonly error: 'already_tracked' }
/** The reference of the new meta, or why there is none. */
export type UpdateResult = { readonly ok: string } | { readonly error: 'nopresence' }

type MaybeEntry = Entries[string] | undefined

/** Where a presence is: the topic, and the owner at whose end it leaves. */
export type Place = { readonly owner: PresenceOwner; readonly topic: string }

/** What a tracker needs of the running system. */
export interface TrackerHost extends PresenceEndpoint {
  readonly pubsub: PubSub
  settle(promise: PromiseLike<unknown>): void
  report(error: CallbackError): void
}

/** One presence definition in one running system: it ties who is present to the lives of channels. */
export class Tracker implements FeedSource, MetasSource, TrackedListener {
  readonly settings: PresenceSettings
  readonly #host: TrackerHost
  readonly #check: CheckMeta | null
  readonly #store: PresenceStore
  /** The owners that are listened to, and their metas by topic and key. */
  readonly #owners: Map<object, Map<string, Map<string, Meta>>>
  readonly #feeds: Map<string, Feed>
  readonly #listener: MetasListener | null

  constructor(
    settings: PresenceSettings,
    host: TrackerHost,
    parts: { check: CheckMeta | null; open: OpenStore },
  ) {
    this.settings = settings
    this.#host = host
    this.#check = parts.check
    this.#store = parts.open(settings, (topic, change) => this.#changed(topic, change))
    this.#owners = new Map()
    this.#feeds = new Map()
    const { handleMetas } = settings
    this.#listener = handleMetas === null ? null : new MetasListener(handleMetas, this)
  }

  get pubsub(): PubSub {
    return this.#host.pubsub
  }

  get endpoint(): PresenceEndpoint {
    return this.#host
  }

  /** How many presences this node tracks. */
  get size(): number {
    let size = 0
    for (const topics of this.#owners.values()) for (const metas of topics.values()) size += metas.size
    return size
  }

  /** Make an owner present under a key. @throws UsageError when the meta or the topic does not fit. */
  track({ owner, topic }: Place, key: string, given: unknown): TrackResult {
    if (this.#owners.get(owner)?.get(topic)?.has(key)) return { error: 'already_tracked' }
    if (!key.isWellFormed()) throw new UsageError('PHX_ERR_META', 'a presence key is Unicode text')
    const meta = makeMeta(given, this.#check, null)
    const topics = this.#listenTo(owner, topic)
    // Phoenix's word for a channel that has ended is "ok" too: it came and went.
    if (topics !== null) {
      const metas = topics.get(topic)
      if (metas === undefined) topics.set(topic, new Map([[key, meta]]))
      else metas.set(key, meta)
      this.#store.change(topic, { joins: [{ key, meta }], leaves: [] })
    }
    return { ok: meta.phx_ref }
  }

  /** Replace a meta, in one diff (PRESENCE-4). @throws UsageError when the meta does not fit. */
  update({ owner, topic }: Place, key: string, change: unknown): UpdateResult {
    const left = this.#owners.get(owner)?.get(topic)?.get(key)
    if (left === undefined) return { error: 'nopresence' }
    const meta = makeMeta(typeof change === 'function' ? change(left) : change, this.#check, left)
    const metas = this.#owners.get(owner)?.get(topic)
    // The function may have untracked it.
    if (metas?.get(key) !== left) return { error: 'nopresence' }
    metas.set(key, meta)
    this.#store.change(topic, { joins: [{ key, meta }], leaves: [{ key, meta: left }] })
    return { ok: meta.phx_ref }
  }

  /** End an owner's presence under a key; does nothing if there is none. */
  untrack({ owner, topic }: Place, key: string): void {
    const topics = this.#owners.get(owner)
    const metas = topics?.get(topic)
    const meta = metas?.get(key)
    if (topics === undefined || metas === undefined || meta === undefined) return
    metas.delete(key)
    if (metas.size === 0) topics.delete(topic)
    this.#store.change(topic, { joins: [], leaves: [{ key, meta }] })
  }

  /** The owner has ended, and with it its presences. */
  ended(owner: object): void {
    const topics = this.#owners.get(owner)
    this.#owners.delete(owner)
    if ('topic' in owner) this.#feeds.get(String(owner.topic))?.removeReader(owner)
    for (const [topic, metas] of topics ?? []) {
      const leaves = [...metas].map(([key, meta]) => ({ key, meta }))
      this.#store.change(topic, { joins: [], leaves })
    }
  }

  /** Push a channel the state of its topic, after the diff that holds it (PRESENCE-5). */
  pushState(channel: Tracked): void {
    if (channel.isJoining) {
      throw new UsageError(
        'PHX_ERR_NOT_JOINED',
        `${channel.topic}: pushState() before the join is answered; call sendInfo() in join and pushState() in handleInfo`,
      )
    }
    if (this.#listenTo(channel, channel.topic) !== null) this.#feed(channel.topic).addReader(channel)
  }

  /** Who is present on a channel's topic, with the fields of `fetch`; a promise if that returns one. */
  list({ topic }: Tracked): Entries | Promise<Entries> {
    // Such a list is often pushed, and clients expect the diff that holds themselves before it.
    if (this.settings.windowMs === 0) this.#feeds.get(topic)?.flush()
    return this.#complete(topic, this.view(topic), identity)
  }

  /** One key of it; undefined if nobody is present under it. */
  getByKey({ topic }: Tracked, key: string): MaybeEntry | Promise<MaybeEntry> {
    return this.#complete(topic, this.view(topic).of(key), (entries) => entries[key])
  }

  /** Who is present on any topic, as the whole cluster knows it. */
  async listAnywhere(topic: string): Promise<Entries> {
    return this.#complete(topic, await this.#store.read(topic), identity)
  }

  /** One key of it; undefined if nobody is present under it. */
  async getByKeyAnywhere(topic: string, key: string): Promise<MaybeEntry> {
    return this.#complete(topic, (await this.#store.read(topic)).of(key), (entries) => entries[key])
  }

  view(topic: string): PresenceState {
    return this.#store.view(topic)
  }

  idle(topic: string): void {
    this.#feeds.delete(topic)
  }

  settle(promise: PromiseLike<unknown>): void {
    this.#host.settle(promise)
  }

  report(error: CallbackError): void {
    this.#host.report(error)
  }

  #changed(topic: string, change: Change): void {
    if (change.joins.length === 0 && change.leaves.length === 0) return
    this.#feed(topic).add(change)
    this.#listener?.add(topic, change)
  }

  #complete<T>(
    topic: string,
    presences: Iterable<Presence>,
    choose: (entries: Entries) => T,
  ): T | Promise<T> {
    const entries = toEntries(presences)
    this.#feeds.get(topic)?.listed()
    const { fetch } = this.settings
    if (fetch === null) return choose(entries)
    const complete = (result: unknown): T => choose(withFields(entries, readFields(result)))
    // A copy, so that a fetch that changes what it is given can lose no key and no meta.
    const result = fetch(topic, toEntries(presences))
    return isPromise(result) ? adopt(result).then(complete) : complete(result)
  }

  #feed(topic: string): Feed {
    let feed = this.#feeds.get(topic)
    if (feed === undefined) {
      feed = new Feed(topic, this)
      this.#feeds.set(topic, feed)
    }
    return feed
  }

  /** The owner's metas by topic, from now on to its end; null if it has ended. */
  #listenTo(owner: PresenceOwner, topic: string): Map<string, Map<string, Meta>> | null {
    const known = this.#owners.get(owner)
    if (known?.has(topic)) return known
    this.#mustFit(topic)
    if (known === undefined) {
      this.#owners.set(owner, new Map())
      owner.onEnd(this)
    }
    return this.#owners.get(owner) ?? null
  }

  #mustFit(topic: string): void {
    const { name, pattern } = this.settings
    if (matchTopic(pattern, topic)) return
    throw new UsageError('PHX_ERR_DEFINITION', `presence ${name} is for ${pattern.pattern}, not for ${topic}`)
  }
}

function identity(entries: Entries): Entries {
  return entries
}
