import { defaults, type Limits } from '../../server/limits/config.ts'

/** Low enough for offenders to meet each of them many times, high enough for everybody else not to. */
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
    // Steady clients have 50 addresses, and so have those that come and go.
    maxConnectionsPerAddress: 90,
    maxChannelsPerAddress: 300,
    connectionRate: 100,
    connectionBurst: 200,
    maxPipelinedRequests: 20,
    maxHistoryBytes: 1_048_576,
    sweepInterval: 100,
  }
}

/** Maximum buffered for a client that does not read: bytes over WebSocket, characters over long-poll. */
export const MAX_BUFFERED = 262_144
/** Milliseconds in which a message over WebSocket must be complete. */
export const MESSAGE_TIMEOUT_MS = 3_000
/** A poll waits so long, in milliseconds; who begins none for one and a half has gone. */
export const WINDOW_MS = 2_000

/** Milliseconds in which the body of a POST has to come. */
export const BODY_MS = 1_000
/** POSTs of a session that wait for the one before them. */
export const MAX_WAITING_POSTS = 2

/** Parts of another limit, by whose name they are told; a bound of memory that refuses nobody; and a time. */
const UNTOLD = [
  'messageBurst',
  'messageBytes',
  'heartbeatBurst',
  'joinBurst',
  'connectionBurst',
  'maxHistoryBytes',
  'sweepInterval',
]

/** The limits that metrics count. */
export const toldLimits: readonly string[] = Object.keys(defaults).filter((name) => !UNTOLD.includes(name))
