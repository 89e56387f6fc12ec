import {
  checkOption,
  faultOf,
  list,
  object,
  positiveInteger,
  type Rule,
  rule,
  withDefaults,
} from '../../protocol/check.ts'
import { delay, timeLimit } from '../delay.ts'
import { type GivenClient, givenClient } from './client.ts'
import { keyPrefix } from './keys.ts'

/** What a Redis engine is made with: where Redis is, and how long things may take. */
export type RedisEngineOptions = {
  /**
   * `redis[s]://[user[:password]@]host[:port][/database]`, `unix://path`. With `sentinels` its host is the
   * name under which they know the server. Default: `redis://127.0.0.1:6379`.
   */
  readonly url?: string
  /** Some servers of a Redis Cluster; user, password and TLS of the first are for all of them. */
  readonly urls?: readonly string[]
  /** The Sentinels, by their URLs. */
  readonly sentinels?: readonly string[]
  /** Instead of URLs: a client made by `createClient` or `createCluster`, of which copies are connected. */
  readonly client?: GivenClient
  /**
   * What the names of all keys and channels begin with: two systems that share a Redis need two. Default:
   * `phx`, and `phx:db<n>` where the URL or client chooses a database n other than 0, as the channels of
   * pub/sub belong to no database.
   */
  readonly prefix?: string
  /** How long a join waits for its topic's subscription, in ms; default 2,000. */
  readonly subscribeTimeout?: number
  /** How long Redis may take to answer a command, in ms, before another connection is tried; default 2,000. */
  readonly commandTimeout?: number
  /** How long a topic stays subscribed to after the last local subscriber left, in ms; default 5,000. */
  readonly linger?: number
  /** How long a node may be silent before the others take it for dead, in ms; default 30,000. */
  readonly lease?: number
  /** Bytes of broadcasts that may be on their way to Redis; above it they are not sent. Default 16,777,216. */
  readonly maxUnsentBytes?: number
  /**
   * Bytes of questions and answers that may be on their way to one other node, before it has acknowledged
   * them; further ones wait. Redis cuts off a node for which 32 MB wait. Default 1,048,576.
   */
  readonly maxBytesInFlight?: number
  /** Questions to other nodes, as each long-poll carried is one, that may wait for answers; default 10,000. */
  readonly maxQuestions?: number
}

const defaults = Object.freeze({
  prefix: 'phx',
  subscribeTimeout: 2_000,
  commandTimeout: 2_000,
  linger: 5_000,
  lease: 30_000,
  maxUnsentBytes: 16_777_216,
  maxBytesInFlight: 1_048_576,
  maxQuestions: 10_000,
})

/** The options that have a default, with it. */
export type ConnectionOptions = Required<Pick<RedisEngineOptions, keyof typeof defaults>>

const url = rule('a URL of Redis, such as redis://127.0.0.1:6379', (value) => typeof value === 'string')
const urls: Rule = (value) =>
  Array.isArray(value) && value.length === 0 ? faultOf('at least one URL', value) : list(url)(value)

const engineOptions = object<RedisEngineOptions>({
  url,
  urls,
  sentinels: urls,
  client: givenClient,
  prefix: keyPrefix,
  subscribeTimeout: delay,
  commandTimeout: timeLimit,
  linger: delay,
  lease: timeLimit,
  maxUnsentBytes: positiveInteger,
  maxBytesInFlight: positiveInteger,
  maxQuestions: positiveInteger,
})

/** Lay given options over the defaults. @throws UsageError when one is not legal. */
export function resolveOptions(given: RedisEngineOptions): ConnectionOptions {
  checkOption('RedisEngine', given, engineOptions)
  const database = databaseOf(given)
  const prefix = database === 0 ? defaults.prefix : `${defaults.prefix}:db${database}`
  const { url: _url, urls: _urls, sentinels: _sentinels, client: _client, ...rest } = given
  return Object.freeze(withDefaults({ ...defaults, prefix }, rest))
}

/** The database that commands go to. A Redis Cluster has only the first. */
function databaseOf({ url, client }: RedisEngineOptions): number {
  // A client of the package has its options, of a form that is not ours.
  const { options } = (client ?? {}) as { options?: { database?: unknown } }
  if (typeof options?.database === 'number') return options.database
  if (url === undefined || !URL.canParse(url)) return 0
  const { protocol, pathname, searchParams } = new URL(url)
  // What is no number is refused where the connection is made.
  return Number(protocol === 'unix:' ? searchParams.get('db') : pathname.slice(1)) || 0
}
