import type { TSchema } from 'typebox'
import {
  type Contract,
  type PresenceEntries,
  type PresenceMeta,
  type PresenceMetaOut,
  parseTopicPattern,
} from '../../protocol/index.ts'
import { checkEndpoint, UsageError } from '../errors.ts'
import type { Fetch } from './fetch.ts'
import type { HandleMetas } from './metas-listener.ts'
import type { PresenceSettings } from './settings.ts'
import type { PresenceEndpoint, PresenceHost, PresenceOwner, Tracked } from './tracked.ts'
import type { Place, Tracker, TrackResult, UpdateResult } from './tracker.ts'

/** A contract that says what the metas of its presences are. */
export type PresenceContract = Contract & { readonly presence: TSchema }
/** What `fetch` adds to entries, by key. */
type Fields = { readonly [key: string]: object }
type NoFields = Record<string, Record<never, never>>

/** What a presence is defined with besides its contract; `R` is what `fetch` returns. */
export type PresenceOptions<C extends PresenceContract, R> = {
  /**
   * Adds fields to entries, in one call for all keys of a diff or list: `{ [key]: fields }` (PRESENCE-8).
   * Default: none are added.
   */
  readonly fetch?: (topic: string, presences: PresenceEntries<C>) => R
  /**
   * Hear on the server who came and who went: every change on this node's topics, whichever node it comes from, one
   * after the other (PRESENCE-13). What it throws is reported. As `handle_metas/4` of Phoenix.Presence, without
   * the fields of `fetch`. Default: none.
   */
  readonly handleMetas?: (
    topic: string,
    diff: { readonly joins: PresenceEntries<C>; readonly leaves: PresenceEntries<C> },
    context: {
      readonly endpoint: PresenceEndpoint
      /** Who is present on the topic now. */
      list(): PresenceEntries<C>
    },
  ) => void | Promise<void>
  /**
   * Milliseconds over which changes are merged into one diff; 0 = the changes of one event-loop turn.
   * Default: 0.
   */
  readonly windowMs?: number
  /**
   * Keys above which `presence_count` is sent instead of `presence_state` (PRESENCE-7). Default: no limit.
   */
  readonly maxState?: number
  /** Distinguishes several presences of the same contract. Default: the contract's topic. */
  readonly name?: string
}

type Key = string | number
/** `T`, or a promise of it where `fetch` returns one. */
type Fetched<R, T> = R extends PromiseLike<unknown> ? Promise<T> : T
type FieldsOf<R> = Awaited<R> extends { readonly [key: string]: infer F } ? Omit<F, 'metas'> : never
/** A key's value in lists. */
type Entry<C extends PresenceContract, R> = { metas: PresenceMetaOut<C>[] } & FieldsOf<R>
type List<C extends PresenceContract, R> = { [key: string]: Entry<C, R> }

/** A meta, or what a function makes of the current one. */
type MetaChange<C extends PresenceContract> =
  | PresenceMeta<C>
  | ((current: PresenceMetaOut<C>) => PresenceMeta<C>)

/** Who is present on the topics of a contract. It holds no state, the endpoint does. */
export interface PresenceDefinition<C extends PresenceContract, R = NoFields> {
  /** Have this node follow it, also while it tracks nobody; the endpoint's option `presences` does so. */
  open(host: PresenceHost): void
  /** Make this channel present under a key, until it ends. @throws UsageError when the meta does not fit. */
  track(socket: Tracked, key: Key, meta: PresenceMeta<C>): TrackResult
  /**
   * The same on another topic of the contract, for a channel or for `endpoint.ownerOf(worker)`, as `track/4`.
   * @throws UsageError when the meta or the topic does not fit.
   */
  track(owner: PresenceOwner, topic: string, key: Key, meta: PresenceMeta<C>): TrackResult
  /** End this channel's presence under a key. */
  untrack(socket: Tracked, key: Key): void
  /** End an owner's presence on a topic, as `untrack/3`. */
  untrack(owner: PresenceOwner, topic: string, key: Key): void
  /** Replace the meta, by another or by what a function makes of it. @throws UsageError when it does not fit. */
  update(socket: Tracked, key: Key, meta: MetaChange<C>): UpdateResult
  /** The same on another topic, as `update/4`. @throws UsageError when the meta does not fit. */
  update(owner: PresenceOwner, topic: string, key: Key, meta: MetaChange<C>): UpdateResult
  /** Push `presence_state` to this client, after the diff that holds its own join (PRESENCE-5). */
  pushState(socket: Tracked): void
  /** Who is present on this channel's topic. */
  list(socket: Tracked): Fetched<R, List<C, R>>
  /** Who is present on any topic, on all nodes. */
  list(endpoint: PresenceHost, topic: string): Promise<List<C, R>>
  /** What the list has under one key; undefined if nobody is present under it. */
  getByKey(socket: Tracked, key: Key): Fetched<R, Entry<C, R> | undefined>
  getByKey(endpoint: PresenceHost, topic: string, key: Key): Promise<Entry<C, R> | undefined>
}

/**
 * Define the presence of a contract's topics: `definePresence(Room)`.
 * @throws UsageError when the contract has no `presence`, or an option is not legal.
 */
export function definePresence<C extends PresenceContract, R extends Fields | Promise<Fields> = NoFields>(
  contract: C,
  options: PresenceOptions<C, R> = {},
): PresenceDefinition<C, R> {
  const settings = resolveSettings(contract, options)
  const trackerOf = (host: PresenceHost): Tracker => {
    checkEndpoint(`presence ${contract.topic}`, host)
    return host.trackers.of(settings)
  }
  const definition = {
    open: (host: PresenceHost) => void trackerOf(host),
    track(...[owner, ...where]: [Tracked, Key, unknown] | [PresenceOwner, string, Key, unknown]) {
      const meta = where.at(-1)
      return trackerOf(owner).track(placeOf(owner, where, 3), String(where.at(-2)), meta)
    },
    untrack(...[owner, ...where]: [Tracked, Key] | [PresenceOwner, string, Key]) {
      return trackerOf(owner).untrack(placeOf(owner, where, 2), String(where.at(-1)))
    },
    update(...[owner, ...where]: [Tracked, Key, unknown] | [PresenceOwner, string, Key, unknown]) {
      const meta = where.at(-1)
      return trackerOf(owner).update(placeOf(owner, where, 3), String(where.at(-2)), meta)
    },
    pushState: (socket: Tracked) => trackerOf(socket).pushState(socket),
    list(...where: [Tracked] | [PresenceHost, string]) {
      const tracker = trackerOf(where[0])
      return where.length === 1 ? tracker.list(where[0]) : tracker.listAnywhere(where[1])
    },
    getByKey(...where: [Tracked, Key] | [PresenceHost, string, Key]) {
      const tracker = trackerOf(where[0])
      if (where.length === 2) return tracker.getByKey(where[0], String(where[1]))
      return tracker.getByKeyAnywhere(where[1], String(where[2]))
    },
  }
  // A cast, because trackers know metas and fields as JSON, and only contract and fetch say which.
  return Object.freeze(definition) as PresenceDefinition<C, R>
}

/** A topic stands first if there are as many arguments; otherwise the topic is the channel's own. */
function placeOf(owner: PresenceOwner | Tracked, where: readonly unknown[], count: number): Place {
  if (where.length >= count) return { owner, topic: String(where[0]) }
  if ('topic' in owner) return { owner, topic: owner.topic }
  throw new UsageError(
    'PHX_ERR_OPTION',
    'the presence of a worker must have a topic: track(owner, topic, key, meta)',
  )
}

function resolveSettings<C extends PresenceContract, R>(
  contract: C,
  options: PresenceOptions<C, R>,
): PresenceSettings {
  const { windowMs = 0, maxState = Number.POSITIVE_INFINITY, name = contract.topic } = options
  const { fetch, handleMetas } = options
  const { topic, presence } = contract
  if (presence === undefined) {
    throw new UsageError(
      'PHX_ERR_DEFINITION',
      `presence ${topic}: its contract has no presence, the schema of metas`,
    )
  }
  for (const [option, value] of Object.entries({ fetch, handleMetas })) {
    if (value === undefined || typeof value === 'function') continue
    throw new UsageError(
      'PHX_ERR_DEFINITION',
      `presence ${topic}: ${option} is a ${typeof value}, not a function`,
    )
  }
  for (const [option, value] of Object.entries({ windowMs, maxState })) {
    if (value >= 0) continue
    throw new UsageError(
      'PHX_ERR_OPTION',
      `presence ${topic}: ${option} is a number from 0, not ${String(value)}`,
    )
  }
  // The entries that a fetch is given have the contract's metas: track and update have checked them.
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
