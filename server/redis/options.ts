import {
  boolean,
  checkOption,
  list,
  object,
  oneOf,
  positiveInteger,
  type Rule,
  type Rules,
  rule,
  withDefaults,
} from '../../protocol/check.ts'
import { delay, timeLimit } from '../runtime/delay.ts'
import { type GivenClient, givenClient } from './client.ts'
import { keyPrefix } from './keys.ts'

/** Options of a `RedisEngine`: the address of Redis, timeouts and limits. */
export type RedisEngineOptions = {
  /**
   * Address of the server: `redis[s]://[user[:password]@]host[:port][/database]` or `unix://path`. With `sentinels`,
   * the host is the name of the master. Default: `redis://127.0.0.1:6379`.
   */
  readonly url?: string
  /**
   * URLs of some servers of a Redis Cluster; user, password and TLS of the first URL apply to all servers.
   * Default: none.
   */
  readonly urls?: readonly string[]
  /** URLs of the Sentinels. Default: none. */
  readonly sentinels?: readonly string[]
  /**
   * Client from `createClient` or `createCluster`, instead of URLs; the engine connects copies of this client.
   * Default: none.
   */
  readonly client?: GivenClient
  /**
   * Prefix of all keys and channels. Systems that share a Redis must use different prefixes. Default: `phx`,
   * or `phx:db<n>` for a database n other than 0.
   */
  readonly prefix?: string
  /** Milliseconds after which a join stops waiting for the subscription to its topic. Default: 2,000. */
  readonly subscribeTimeout?: number
  /**
   * Milliseconds within which Redis must answer a command. If no answer arrives in time, the connection is replaced.
   * Default: 2,000.
   */
  readonly commandTimeout?: number
  /**
   * Milliseconds for which this node stays subscribed to a topic after the last local subscriber has left. Default:
   * 5,000.
   */
  readonly linger?: number
  /** Milliseconds after which the other nodes consider a silent node dead. Default: 30,000. */
  readonly lease?: number
  /**
   * Maximum size, in bytes, of the broadcasts that Redis has not acknowledged yet. Above the maximum, broadcasts reach
   * only this node. Default: 16,777,216.
   */
  readonly maxUnsentBytes?: number
  /**
   * Maximum size, in bytes, of the requests and responses in flight (not acknowledged yet) to one other node. Further
   * messages wait. Default: 1,048,576.
   */
  readonly maxBytesInFlight?: number
  /**
   * Maximum number of questions (requests to other nodes) that wait for an answer. Each forwarded long-poll counts as
   * one question. Default: 10,000.
   */
  readonly maxQuestions?: number
  /**
   * Set to true if every acknowledged write survives a restart of Redis: `appendonly yes`, `appendfsync always` and no
   * asynchronous failover. If true, histories continue after a restart; if false, clients are told that broadcasts may
   * be missing. Default: false.
   */
  readonly durable?: boolean
  /**
   * Handling of broadcasts on a topic with a history while Redis is unavailable. `refuse` does not deliver them;
   * `local` delivers them to this node's clients without keeping them. In both cases, the call that publishes resolves
   * with false. Default: `refuse`.
   */
  readonly whenAway?: 'refuse' | 'local'
}

const whenAway: Required<RedisEngineOptions>['whenAway'] = 'refuse'
const engineDefaults = Object.freeze({
  prefix: 'phx',
  subscribeTimeout: 2_000,
  commandTimeout: 2_000,
  linger: 5_000,
  lease: 30_000,
  maxUnsentBytes: 16_777_216,
  maxBytesInFlight: 1_048_576,
  maxQuestions: 10_000,
  durable: false,
  whenAway,
})

/** All options except `url`, `urls`, `sentinels` and `client`. An option that was not given has its default value. */
export type ConnectionOptions = Required<Pick<RedisEngineOptions, keyof typeof engineDefaults>>

const url = rule('a string with a URL, such as redis://127.0.0.1:6379', (value) => typeof value === 'string')
const urls: Rule = (value) =>
  Array.isArray(value) && value.length === 0
    ? { path: '', words: 'must list at least one URL (got an empty array)' }
    : list(url)(value)

export const engineRules: Rules<RedisEngineOptions> = {
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
  durable: boolean,
  whenAway: oneOf('refuse', 'local'),
}
const engineOptions = object<RedisEngineOptions>(engineRules)

/** Merge the given options into the defaults. @throws UsageError when an option is invalid. */
export function resolveOptions(given: RedisEngineOptions): ConnectionOptions {
  checkOption('RedisEngine', given, engineOptions)
  const database = databaseOf(given)
  const prefix = database === 0 ? engineDefaults.prefix : `${engineDefaults.prefix}:db${database}`
  const { url: _url, urls: _urls, sentinels: _sentinels, client: _client, ...rest } = given
  return Object.freeze(withDefaults({ ...engineDefaults, prefix }, rest))
}

/** Number of the database that commands use. A Redis Cluster has only database 0. */
function databaseOf({ url, client }: RedisEngineOptions): number {
  // The cast is safe: both properties are optional, and the type of `database` is checked before use.
  const { options } = (client ?? {}) as { options?: { database?: unknown } }
  if (typeof options?.database === 'number') return options.database
  if (url === undefined || !URL.canParse(url)) return 0
  const { protocol, pathname, searchParams } = new URL(url)
  // If the URL has no database, Redis uses database 0. Later, `templateOf` rejects a URL with an invalid database.
  return Number(protocol === 'unix:' ? searchParams.get('db') : pathname.slice(1)) || 0
}
