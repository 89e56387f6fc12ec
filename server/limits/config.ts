import { checkOption, object, positiveInteger, type Rules, withDefaults } from '../../protocol/check.ts'
import { timeLimit } from '../runtime/delay.ts'

/** Default limits of an endpoint. If Phoenix has the limit, the default is that of Phoenix. */
export const defaults = Object.freeze({
  /** Channels that one connection may have joined at a time. */
  maxChannels: 100,
  /** Channels of all connections of this process, joined or joining. */
  maxTotalChannels: 1_000_000,
  /** Characters of a topic; a longer topic matches no channel. */
  maxTopicLength: 1_024,
  /**
   * Messages of one connection that may wait for busy channels; above the limit, the server stops reading from the
   * connection.
   */
  maxQueuedMessages: 256,
  /**
   * Bytes of the messages of one connection that may wait for busy channels; above the limit, the server stops reading
   * from the connection.
   */
  maxQueuedBytes: 1_048_576,
  /**
   * Broadcasts that may wait for busy channels of one connection; above the limit, the connection is closed with
   * 1013.
   */
  maxQueuedBroadcasts: 4_096,
  /** Messages a second that one connection may send, not counting heartbeats and joins. */
  messageRate: 1_000,
  /** Messages that one connection may send at once. */
  messageBurst: 5_000,
  /** Bytes up to which a message or join counts as one; a larger one counts as several. */
  messageBytes: 1_024,
  /**
   * Heartbeats, pings and pongs a second that one connection may send; above the limit, the connection is closed with
   * 1008.
   */
  heartbeatRate: 100,
  /** Heartbeats, pings and pongs that one connection may send at once. */
  heartbeatBurst: 1_000,
  /** Joins a second that one connection may request. */
  joinRate: 100,
  /** Joins that one connection may request at once. */
  joinBurst: 1_000,
  /**
   * Messages and joins of one connection that may be refused for their rate within a minute; above the limit, the
   * connection is closed with 1008.
   */
  maxRefusals: 1_000,
  /** Joins of all connections that may be queued in a burst; above the limit, joins and upgrades are refused. */
  maxWaitingJoins: 50_000,
  /** Milliseconds that a join may be queued; the official client gives up after 10,000. */
  maxJoinWait: 8_000,
  /** Connections of this process; above the limit, upgrades are refused with 503. */
  maxConnections: 100_000,
  /**
   * Connections that one address may have open; above the limit, upgrades are refused with 429. If not given, half of
   * `maxConnections`.
   */
  maxConnectionsPerAddress: 50_000,
  /** Channels that the connections of one address may have. If not given, half of `maxTotalChannels`. */
  maxChannelsPerAddress: 500_000,
  /** Connections a second that one address may open; above the limit, upgrades are refused with 429. */
  connectionRate: 1_000,
  /** Connections that one address may open at once. */
  connectionBurst: 20_000,
  /**
   * Requests of one HTTP/1 connection that may wait for their responses; above the limit, the connection is closed.
   */
  maxPipelinedRequests: 100,
  /** Bytes that the histories of this process may use; above the limit, the oldest broadcasts are dropped. */
  maxHistoryBytes: 67_108_864,
  /** Milliseconds between two checks for connections that have been silent too long. */
  sweepInterval: 1_000,
})

/** Limits of an endpoint, all set. */
export type Limits = { readonly [K in keyof typeof defaults]: number }

/** Rules of the limits: all are positive integers, and `sweepInterval` must fit a timer. */
const counts = Object.keys(defaults).map((name) => [name, positiveInteger] as const)
// A cast: the keys are those of `defaults`.
export const limitRules = { ...Object.fromEntries(counts), sweepInterval: timeLimit } as Rules<Limits>

/** Rule of the option `limits`. */
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
