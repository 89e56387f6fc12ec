import { checkOption, object, positiveInteger, type Rules, withDefaults } from '../../protocol/check.ts'
import { timeLimit } from '../runtime/delay.ts'

/** Default limits of an endpoint. A limit that Phoenix also has keeps the default of Phoenix. */
export const defaults = Object.freeze({
  /** Maximum number of channels per connection. */
  maxChannels: 100,
  /** Maximum number of channels of an endpoint, including channels whose join is pending. */
  maxTotalChannels: 1_000_000,
  /** Maximum length of a topic, in characters. A longer topic matches no channel. */
  maxTopicLength: 1_024,
  /**
   * Maximum number of messages per connection that wait for busy channels. Above the maximum, the server stops reading
   * from the connection.
   */
  maxQueuedMessages: 256,
  /**
   * Maximum size, in bytes, of all messages of one connection that wait for busy channels. Above the maximum, the
   * server stops reading from the connection.
   */
  maxQueuedBytes: 1_048_576,
  /**
   * Maximum number of broadcasts per connection that wait for busy channels. Above the maximum, the connection is
   * closed with 1013.
   */
  maxQueuedBroadcasts: 4_096,
  /** Maximum number of messages a second per connection, not counting heartbeats and joins. */
  messageRate: 1_000,
  /** Maximum number of messages that one connection sends in a burst. */
  messageBurst: 5_000,
  /** Bytes that count as one message or join. A larger message or join counts as several. */
  messageBytes: 1_024,
  /**
   * Maximum number of heartbeats, pings and pongs a second per connection. Above the maximum, the connection is closed
   * with 1008.
   */
  heartbeatRate: 100,
  /** Maximum number of heartbeats, pings and pongs that one connection sends in a burst. */
  heartbeatBurst: 1_000,
  /** Maximum number of joins a second per connection. */
  joinRate: 100,
  /** Maximum number of joins that one connection requests in a burst. */
  joinBurst: 1_000,
  /**
   * Maximum number of messages and joins per connection that are refused within a minute because of the rate limits.
   * Above the maximum, the connection is closed with 1008.
   */
  maxRefusals: 1_000,
  /**
   * Maximum number of joins that are queued during a burst, over all connections. If the queue is full, joins and
   * upgrades are refused.
   */
  maxWaitingJoins: 50_000,
  /** Maximum time that a queued join waits, in milliseconds. The official client gives up after 10,000. */
  maxJoinWait: 8_000,
  /** Maximum number of connections in this process. Above the maximum, upgrades are refused with 503. */
  maxConnections: 100_000,
  /**
   * Maximum number of connections per address. Above the maximum, upgrades are refused with 429. If this limit is not
   * set, half of `maxConnections` is used.
   */
  maxConnectionsPerAddress: 50_000,
  /**
   * Maximum number of channels per address, over all connections of the address. If this limit is not set, half of
   * `maxTotalChannels` is used.
   */
  maxChannelsPerAddress: 500_000,
  /** Maximum number of connections a second from one address. Above the maximum, upgrades are refused with 429. */
  connectionRate: 1_000,
  /** Maximum number of connections that one address opens in a burst. */
  connectionBurst: 20_000,
  /**
   * Maximum number of requests per HTTP/1 connection that wait for their responses. Above the maximum, the connection
   * is closed.
   */
  maxPipelinedRequests: 100,
  /**
   * Maximum memory, in bytes, for all histories in this process. Above the maximum, the oldest broadcasts are dropped.
   */
  maxHistoryBytes: 67_108_864,
  /** Milliseconds between two checks for connections that have been silent too long. */
  sweepInterval: 1_000,
})

/** Limits of an endpoint, each with a value. */
export type Limits = { readonly [K in keyof typeof defaults]: number }

/** Rules of the limits: all are positive integers, and `sweepInterval` must fit a timer. */
const counts = Object.keys(defaults).map((name) => [name, positiveInteger] as const)
// The cast is safe: `counts` has all keys of `defaults`, but the type of `Object.fromEntries` has no keys.
export const limitRules = { ...Object.fromEntries(counts), sweepInterval: timeLimit } as Rules<Limits>

export const limitsRule = object<Limits>(limitRules)

/** Merge the given limits into the defaults. @throws UsageError when a limit is unknown or not a positive integer. */
export function resolveLimits(given: Partial<Limits>): Limits {
  checkOption('limits', given, limitsRule)
  const { maxConnections, maxTotalChannels } = withDefaults<Limits>(defaults, given)
  const maxConnectionsPerAddress = Math.ceil(maxConnections / 2)
  const maxChannelsPerAddress = Math.ceil(maxTotalChannels / 2)
  const shares = { maxConnectionsPerAddress, maxChannelsPerAddress }
  return Object.freeze(withDefaults<Limits>({ ...defaults, ...shares }, given))
}
