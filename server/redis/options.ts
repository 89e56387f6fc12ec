import { checkDelay } from '../delay.ts'
import { UsageError } from '../errors.ts'
import type { GivenClient } from './client.ts'

/** What a Redis engine is made with: where Redis is, and how long things may take. */
export type RedisEngineOptions = {
  /**
   * Address of the server: `redis[s]://[user[:password]@]host[:port][/database]` or `unix://path`. With
   * `sentinels` the host is the name that the Sentinels use. Default: `redis://127.0.0.1:6379`.
   */
  readonly url?: string
  /**
   * URLs of some servers of a Redis Cluster; user, password and TLS of the first apply to all. Default: none.
   */
  readonly urls?: readonly string[]
  /** URLs of the Sentinels. Default: none. */
  readonly sentinels?: readonly string[]
  /**
   * Client from `createClient` or `createCluster`, instead of URLs; the engine connects copies of it.
   * Default: none.
   */
  readonly client?: GivenClient
  /**
   * Start of the names of all keys and channels; systems that share a Redis need different ones. Default:
   * `phx`, or `phx:db<n>` for a database n other than 0.
   */
  readonly prefix?: string
  /** Milliseconds that a join waits for the subscription of its topic. Default: 2,000. */
  readonly subscribeTimeout?: number
  /**
   * Milliseconds that Redis may take to answer a command before the connection is replaced. Default: 2,000.
   */
  readonly commandTimeout?: number
  /** Milliseconds that a topic stays subscribed after its last local subscriber has left. Default: 5,000. */
  readonly linger?: number
  /** Milliseconds that a node may be silent before the others consider it dead. Default: 30,000. */
  readonly lease?: number
  /**
   * Bytes of broadcasts that may be on their way to Redis; above it broadcasts reach this node only. Default:
   * 16,777,216.
   */
  readonly maxUnsentBytes?: number
  /**
   * Bytes of requests and answers that may be on their way to one other node, unacknowledged; further ones
   * wait. Default: 1,048,576.
   */
  readonly maxBytesInFlight?: number
  /**
   * Requests to other nodes that may wait for an answer, one for each forwarded long-poll. Default: 10,000.
   */
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

const TIMES = ['subscribeTimeout', 'commandTimeout', 'linger', 'lease'] as const
const COUNTS = ['commandTimeout', 'lease', 'maxUnsentBytes', 'maxBytesInFlight', 'maxQuestions'] as const

/** Lay given options over the defaults. @throws UsageError when one is not legal. */
export function resolveOptions(given: RedisEngineOptions): ConnectionOptions {
  const { url: _url, urls: _urls, sentinels: _sentinels, client: _client, ...rest } = given
  for (const name of Object.keys(rest)) {
    if (!Object.hasOwn(defaults, name)) {
      throw new UsageError('PHX_ERR_OPTION', `RedisEngine knows no option "${name}"`)
    }
  }
  const database = databaseOf(given)
  const prefix = database === 0 ? defaults.prefix : `${defaults.prefix}:db${database}`
  const options = Object.freeze({ ...defaults, prefix, ...rest })
  for (const name of TIMES) checkDelay(name, options[name])
  for (const name of COUNTS) {
    if (Number.isInteger(options[name]) && options[name] >= 1) continue
    throw new UsageError('PHX_ERR_OPTION', `${name} is a positive integer, not ${String(options[name])}`)
  }
  return options
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
