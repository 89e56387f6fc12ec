import type { TSchema } from 'typebox'
import {
  callback,
  checkDefinition,
  checkOption,
  nonEmptyString,
  nonNegative,
  object,
  type Rule,
  rule,
} from '../../protocol/check.ts'
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
import { delay } from '../delay.ts'
import type { Fetch } from './fetch.ts'
import type { PresenceSettings } from './settings.ts'
import type { PresenceHost, Tracked } from './tracked.ts'
import type { Tracker, TrackResult, UpdateResult } from './tracker.ts'
import { Trackers } from './trackers.ts'

/** A contract that says what the metas of its presences are. */
export type PresenceContract = Contract & { readonly presence: TSchema }
/** What `fetch` adds to entries, by key. */
type Fields = { readonly [key: string]: object }
type NoFields = Record<string, Record<never, never>>

/** What a presence is defined with besides its contract; `R` is what `fetch` returns. */
export type PresenceOptions<C extends PresenceContract, R> = {
  /** Add fields to entries, in one call for all keys of a diff or list: `{ [key]: fields }` (PRESENCE-8). */
  readonly fetch?: (topic: string, presences: PresenceEntries<C>) => R
  /** How long changes wait for others to share their diff, in ms; default 0: to the end of the turn. */
  readonly windowMs?: number
  /** Above so many keys `presence_state` gives way to `presence_count` (PRESENCE-7); default: no limit. */
  readonly maxState?: number
  /** Tells it from another presence of the same contract; default: the contract's topic. */
  readonly name?: string
}

type Key = string | number
/** `T`, or a promise of it where `fetch` returns one. */
type Fetched<R, T> = R extends PromiseLike<unknown> ? Promise<T> : T
type FieldsOf<R> = Awaited<R> extends { readonly [key: string]: infer F } ? Omit<F, 'metas'> : never
/** A key's value in lists. */
type Entry<C extends PresenceContract, R> = { metas: PresenceMetaOut<C>[] } & FieldsOf<R>
type List<C extends PresenceContract, R> = { [key: string]: Entry<C, R> }

/** Who is present on the topics of a contract. It holds no state, the endpoint does. */
export interface PresenceDefinition<C extends PresenceContract, R = NoFields> {
  /** Have this node follow it, also while it tracks nobody; the endpoint's option `presences` does so. */
  open(host: PresenceHost): void
  /** Make this channel present under a key, until it ends. @throws UsageError when the meta does not fit. */
  track(socket: Tracked, key: Key, meta: PresenceMeta<C>): TrackResult
  /** End this channel's presence under a key. */
  untrack(socket: Tracked, key: Key): void
  /** Replace the meta, by another or by what a function makes of it. @throws UsageError when it does not fit. */
  update(
    socket: Tracked,
    key: Key,
    meta: PresenceMeta<C> | ((current: PresenceMetaOut<C>) => PresenceMeta<C>),
  ): UpdateResult
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
 * @throws UsageError with `PHX_ERR_DEFINITION` when the contract has no `presence`, or an option is unknown or illegal.
 */
export function definePresence<C extends PresenceContract, R extends Fields | Promise<Fields> = NoFields>(
  contract: C,
  options: PresenceOptions<C, R> = {},
): PresenceDefinition<C, R> {
  const settings = resolveSettings(contract, options)
  const check = (value: unknown, test: Rule): void => checkOption(`presence "${settings.name}"`, value, test)
  const trackerOf = (host: PresenceHost, test = channelSocket): Tracker => {
    check(host, test)
    return host.trackers.of(settings)
  }
  const keyOf = (key: unknown): string => {
    check(key, presenceKey)
    return String(key)
  }
  const topicOf = (topic: string): string => {
    check(topic, presenceTopic)
    return topic
  }
  const definition = {
    open: (host: PresenceHost) => void trackerOf(host, runningSystem),
    track: (socket: Tracked, key: Key, meta: unknown) => trackerOf(socket).track(socket, keyOf(key), meta),
    untrack: (socket: Tracked, key: Key) => trackerOf(socket).untrack(socket, keyOf(key)),
    update: (socket: Tracked, key: Key, meta: unknown) => trackerOf(socket).update(socket, keyOf(key), meta),
    pushState: (socket: Tracked) => trackerOf(socket).pushState(socket),
    list(...where: [Tracked] | [PresenceHost, string]) {
      if (where.length === 1) return trackerOf(where[0]).list(where[0])
      return trackerOf(where[0], runningSystem).listAnywhere(topicOf(where[1]))
    },
    getByKey(...where: [Tracked, Key] | [PresenceHost, string, Key]) {
      if (where.length === 2) return trackerOf(where[0]).getByKey(where[0], keyOf(where[1]))
      return trackerOf(where[0], runningSystem).getByKeyAnywhere(topicOf(where[1]), keyOf(where[2]))
    },
  }
  // A cast, because trackers know metas and fields as JSON, and only contract and fetch say which.
  return markMade(DEFINE_PRESENCE, definition) as PresenceDefinition<C, R>
}

const runningSystem = rule('given an endpoint, or the socket of a channel', hasTrackers)
const channelSocket = rule(
  'given the socket of a channel',
  (value) => hasTrackers(value) && 'topic' in value && 'onEnd' in value,
)
const presenceKey = rule(
  'given a key that is a string or a number',
  (key) => typeof key === 'string' || typeof key === 'number',
)
const presenceTopic = rule('given a topic that is a string', (topic) => typeof topic === 'string')

function hasTrackers(value: unknown): value is PresenceHost {
  return (
    typeof value === 'object' && value !== null && 'trackers' in value && value.trackers instanceof Trackers
  )
}

const DEFINE_PRESENCE = 'definePresence'

/** What `definePresence` returned. */
export const presenceDefinition = madeBy(DEFINE_PRESENCE)

const presenceOptions = object<PresenceOptions<PresenceContract, unknown>>({
  fetch: callback,
  windowMs: delay,
  maxState: nonNegative,
  name: nonEmptyString,
})

function resolveSettings<C extends PresenceContract, R>(
  contract: C,
  options: PresenceOptions<C, R>,
): PresenceSettings {
  checkContract(contract)
  const { topic, presence } = contract
  checkDefinition(`contract "${topic}": the schema \`presence\``, presence, schema)
  checkDefinition(`presence "${topic}"`, options, presenceOptions)
  const { fetch, windowMs = 0, maxState = Number.POSITIVE_INFINITY, name = topic } = options
  // The entries that a fetch is given have the contract's metas: track and update have checked them.
  const untyped = fetch === undefined ? null : (fetch as Fetch)
  return Object.freeze({
    name,
    pattern: parseTopicPattern(topic),
    meta: presence,
    fetch: untyped,
    windowMs,
    maxState,
  })
}
