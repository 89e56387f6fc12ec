import { defaults, type Limits } from '../../server/limits/config.ts'

/**
 * Return limits that offenders reach many times, but other clients do not. `steady` is the number of steady clients.
 */
export function limitsOf(steady: number): Limits {
  return {
    maxChannels: 50,
    maxTotalChannels: steady + 800,
    maxTopicLength: 200,
    maxQueuedMessages: 64,
    maxQueuedBytes: 65_536,
    maxQueuedBroadcasts: 128,
    messageRate: 100,
    messageBurst: 300,
    heartbeatRate: 20,
    heartbeatBurst: 200,
    messageBytes: 1_024,
    joinRate: 20,
    joinBurst: 100,
    maxRefusals: 200,
    maxWaitingJoins: 300,
    maxJoinWait: 1_000,
    maxConnections: steady + 400,
    // Steady clients share 50 addresses, and guests share 50 others.
    maxConnectionsPerAddress: 90,
    maxChannelsPerAddress: 300,
    connectionRate: 100,
    connectionBurst: 200,
    maxPipelinedRequests: 20,
    maxHistoryBytes: 1_048_576,
    sweepInterval: 100,
  }
}

/** Maximum buffered output for a client that does not read: bytes over WebSocket, characters over long-poll. */
export const MAX_BUFFERED = 262_144
/** Milliseconds in which a message over WebSocket must be complete. */
export const MESSAGE_TIMEOUT_MS = 3_000
/** Milliseconds for which a poll waits. A client that sends no poll for one and a half times as long is dropped. */
export const WINDOW_MS = 2_000

/** Milliseconds within which the body of a POST must arrive. */
export const BODY_MS = 1_000
/** Maximum number of POSTs of a session that wait for an earlier POST. */
export const MAX_WAITING_POSTS = 2

/**
 * Limits without a metric of their own: parts of another limit, which is counted under its name; a memory bound that
 * refuses no client; and an interval.
 */
const UNTOLD = [
  'messageBurst',
  'messageBytes',
  'heartbeatBurst',
  'joinBurst',
  'connectionBurst',
  'maxHistoryBytes',
  'sweepInterval',
]

/** Limits that the metrics count. */
export const toldLimits: readonly string[] = Object.keys(defaults).filter((name) => !UNTOLD.includes(name))
