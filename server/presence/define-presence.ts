import type { TSchema } from 'typebox'
import { callback, checkDefinition, nonEmptyString, nonNegative, object } from '../../protocol/check.ts'
import { checkContract } from '../../protocol/contract.ts'
import {
  type Contract,
  type PresenceEntries,
  type PresenceMeta,
  type PresenceMetaOut,
  parseTopicPattern,
} from '../../protocol/index.ts'
import { madeBy, markMade } from '../../protocol/made.ts'
import { schema } from '../../protocol/schema.ts'
import { delay } from '../runtime/delay.ts'
import { Arguments } from './arguments.ts'
import type { Fetch } from './fetch.ts'
import type { HandleMetas } from './metas-listener.ts'
import type { PresenceSettings } from './settings.ts'
import type { PresenceEndpoint, PresenceHost, PresenceOwner, Tracked } from './tracked.ts'
import type { Tracker, TrackResult, UpdateResult } from './tracker.ts'

/** Contract with a schema for the metas of its presences. */
export type PresenceContract = Contract & { readonly presence: TSchema }
/** Fields that `fetch` adds to presence entries, by the key of the entry. */
export type FetchedFields = { readonly [key: string]: object }
/** Result of a `fetch` that adds no fields. */
export type NoFetchedFields = Record<string, Record<never, never>>

/** Options of a presence; `R` is the return type of `fetch`. */
export type PresenceOptions<C extends PresenceContract, R> = {
  /**
   * Returns fields to add to entries, as `{ [key]: fields }`. One call gets all keys of a diff or list (PRESENCE-8).
   * Default: no fields are added.
   */
  readonly fetch?: (topic: string, presences: PresenceEntries<C>) => R
  /**
   * Called on the server when presences join or leave. Changes on other nodes are included if this node has channels on
   * the topic. If the callback returns a promise, the next call waits for the promise (PRESENCE-13). Exceptions are
   * reported. Like `handle_metas/4` of Phoenix.Presence, but without the fields that `fetch` adds. Default: none.
   */
  readonly handleMetas?: (
    topic: string,
    diff: { readonly joins: PresenceEntries<C>; readonly leaves: PresenceEntries<C> },
    context: {
      readonly endpoint: PresenceEndpoint
      /** Current presences of the topic. */
      list(): PresenceEntries<C>
    },
  ) => void | Promise<void>
  /**
   * Milliseconds during which changes are merged into one diff; 0 merges the changes of one event-loop turn. Default:
   * 0.
   */
  readonly windowMs?: number
  /**
   * Maximum number of keys in a `presence_state`. If a topic has more keys, `presence_state` is `{}`, and
   * `presence_count` follows (PRESENCE-7). Default: no limit.
   */
  readonly maxState?: number
  /** Name, unique among the presence definitions of an endpoint. Default: the contract's topic. */
  readonly name?: string
}

/** Key of a presence; a number is converted to a string. */
export type PresenceKey = string | number
/** `T`, or a promise of `T` if `fetch` returns a promise. */
export type AfterFetch<R, T> = R extends PromiseLike<unknown> ? Promise<T> : T
/** Fields that `fetch`, whose return type is `R`, adds to each entry. */
export type FetchedFieldsOf<R> =
  Awaited<R> extends { readonly [key: string]: infer F } ? Omit<F, 'metas'> : never
/** Metas of one key, together with the fields that `fetch` adds for this key. */
export type PresenceListEntry<C extends PresenceContract, R> = {
  metas: PresenceMetaOut<C>[]
} & FetchedFieldsOf<R>
/** Entries of a topic by key. */
export type PresenceList<C extends PresenceContract, R> = { [key: string]: PresenceListEntry<C, R> }

/** New meta, or a function that makes the new meta from the current one. */
export type MetaChange<C extends PresenceContract> =
  | PresenceMeta<C>
  | ((current: PresenceMetaOut<C>) => PresenceMeta<C>)

/** Presence on the topics of a contract. The state is in the endpoint, not in this object. */
export interface PresenceDefinition<C extends PresenceContract, R = NoFetchedFields> {
  /**
   * Follow this presence on an endpoint: receive changes from other nodes, even if nothing is tracked on this node yet.
   * The endpoint's option `presences` does the same.
   */
  open(host: PresenceHost): void
  /** Track a channel under a key until the channel ends. @throws UsageError when the meta is invalid. */
  track(socket: Tracked, key: PresenceKey, meta: PresenceMeta<C>): TrackResult
  /**
   * Track a channel, or `endpoint.ownerOf(worker)`, on any topic of the contract, like `Phoenix.Presence.track/4`.
   * @throws UsageError when the meta or the topic is invalid.
   */
  track(owner: PresenceOwner, topic: string, key: PresenceKey, meta: PresenceMeta<C>): TrackResult
  /** Remove a channel's presence under a key. */
  untrack(socket: Tracked, key: PresenceKey): void
  /** Remove an owner's presence under a key on a topic, like `Phoenix.Presence.untrack/3`. */
  untrack(owner: PresenceOwner, topic: string, key: PresenceKey): void
  /** Replace a channel's meta under a key. @throws UsageError when the new meta is invalid. */
  update(socket: Tracked, key: PresenceKey, meta: MetaChange<C>): UpdateResult
  /**
   * Replace an owner's meta on a topic, like `Phoenix.Presence.update/4`. @throws UsageError when the meta is invalid.
   */
  update(owner: PresenceOwner, topic: string, key: PresenceKey, meta: MetaChange<C>): UpdateResult
  /** Push `presence_state` to a channel's client, after the diff with the client's own join (PRESENCE-5). */
  pushState(socket: Tracked): void
  /** Presences on a channel's topic. */
  list(socket: Tracked): AfterFetch<R, PresenceList<C, R>>
  /** Presences on a topic, from all nodes, even if this node has no channel on the topic. */
  list(endpoint: PresenceHost, topic: string): Promise<PresenceList<C, R>>
  /** Entry of one key of the list; undefined if there is no presence under this key. */
  getByKey(socket: Tracked, key: PresenceKey): AfterFetch<R, PresenceListEntry<C, R> | undefined>
  getByKey(
    endpoint: PresenceHost,
    topic: string,
    key: PresenceKey,
  ): Promise<PresenceListEntry<C, R> | undefined>
}

/**
 * Define the presence of a contract's topics: `definePresence(Room)`.
 * @throws UsageError with `PHX_ERR_DEFINITION` when the contract has no `presence`, or an option is unknown or invalid.
 */
export function definePresence<
  C extends PresenceContract,
  R extends FetchedFields | Promise<FetchedFields> = NoFetchedFields,
>(contract: C, options: PresenceOptions<C, R> = {}): PresenceDefinition<C, R> {
  const settings = resolvePresence(contract, options)
  const given = new Arguments(`presence "${settings.name}"`)
  const trackerOf = (host: PresenceHost): Tracker => given.trackers(host).of(settings)
  const ofChannel = (call: 'pushState' | 'list' | 'getByKey', socket: Tracked): Tracker =>
    trackerOf(given.channel(call, socket))
  const definition = {
    open: (host: PresenceHost) => void trackerOf(host),
    track(
      ...[owner, ...where]: [Tracked, PresenceKey, unknown] | [PresenceOwner, string, PresenceKey, unknown]
    ) {
      const place = given.place(owner, where, 3)
      return trackerOf(owner).track(place, given.key(where.at(-2)), where.at(-1))
    },
    untrack(...[owner, ...where]: [Tracked, PresenceKey] | [PresenceOwner, string, PresenceKey]) {
      const place = given.place(owner, where, 2)
      return trackerOf(owner).untrack(place, given.key(where.at(-1)))
    },
    update(
      ...[owner, ...where]: [Tracked, PresenceKey, unknown] | [PresenceOwner, string, PresenceKey, unknown]
    ) {
      const place = given.place(owner, where, 3)
      return trackerOf(owner).update(place, given.key(where.at(-2)), where.at(-1))
    },
    pushState: (socket: Tracked) => ofChannel('pushState', socket).pushState(socket),
    list(...where: [Tracked] | [PresenceHost, string]) {
      if (where.length === 1) return ofChannel('list', where[0]).list(where[0])
      return trackerOf(where[0]).listAnywhere(given.topic(where[1]))
    },
    getByKey(...where: [Tracked, PresenceKey] | [PresenceHost, string, PresenceKey]) {
      if (where.length === 2) return ofChannel('getByKey', where[0]).getByKey(where[0], given.key(where[1]))
      return trackerOf(where[0]).getByKeyAnywhere(given.topic(where[1]), given.key(where[2]))
    },
  }
  // The cast is safe: trackers treat metas and the result of `fetch` as JSON. `C` and `R` only add static types.
  return markMade(DEFINE_PRESENCE, definition) as PresenceDefinition<C, R>
}

const DEFINE_PRESENCE = 'definePresence'

/** Rule: the value must come from `definePresence`. */
export const presenceDefinition = madeBy(DEFINE_PRESENCE)

const presenceOptions = object<PresenceOptions<PresenceContract, unknown>>({
  fetch: callback,
  handleMetas: callback,
  windowMs: delay,
  maxState: nonNegative,
  name: nonEmptyString,
})

function resolvePresence<C extends PresenceContract, R>(
  contract: C,
  options: PresenceOptions<C, R>,
): PresenceSettings {
  checkContract(contract)
  const { topic, presence } = contract
  checkDefinition(`contract "${topic}": \`presence\``, presence, schema)
  checkDefinition(`presence "${topic}"`, options, presenceOptions)
  const { fetch, handleMetas, windowMs = 0, maxState = Number.POSITIVE_INFINITY, name = topic } = options
  // Both casts are safe: `fetch` and `handleMetas` get only metas that `track` or `update` has checked.
  const untyped = fetch === undefined ? null : (fetch as Fetch)
  return Object.freeze({
    name,
    pattern: parseTopicPattern(topic),
    meta: presence,
    fetch: untyped,
    handleMetas: handleMetas === undefined ? null : (handleMetas as HandleMetas),
    windowMs,
    maxState,
  })
}
