/** Size of a run. */
export type Size = {
  readonly nodes: number
  readonly clients: number
  readonly rooms: number
  /** Milliseconds between two bursts of a client. */
  readonly everyMs: number
  /** Number of messages in a burst. */
  readonly burst: number
  /** Milliseconds without a fault before the first fault, and after each. */
  readonly quietMs: number
  /** Minimum milliseconds of the traffic. */
  readonly trafficMs: number
  /** Milliseconds until a killed node is started again. */
  readonly nodeAwayMs: number
  /** Milliseconds until a killed Redis is started again. */
  readonly redisAwayMs: number
  /** True if Redis is killed a second time. */
  readonly isLarge: boolean
  /** Lease of the engine in milliseconds. The members of a killed node are listed until its lease ends. */
  readonly leaseMs: number
  /** Milliseconds for which a topic remains subscribed after its last client has left. */
  readonly lingerMs: number
  /** Milliseconds for which a poll waits for messages. */
  readonly windowMs: number
  /** Milliseconds within which all clients must be joined again after a fault. */
  readonly recoveryMs: number
}

/** Sizes of a run: `small` for `npm run test:all`, `full` for `npm run chaos`. */
export const sizes = {
  small: {
    nodes: 3,
    clients: 30,
    rooms: 5,
    everyMs: 600,
    burst: 3,
    quietMs: 2_500,
    trafficMs: 15_000,
    nodeAwayMs: 500,
    redisAwayMs: 1_000,
    isLarge: false,
    leaseMs: 3_000,
    lingerMs: 1_000,
    windowMs: 4_000,
    // A busy machine may need that long.
    recoveryMs: 60_000,
  },
  full: {
    nodes: 3,
    clients: 300,
    rooms: 20,
    everyMs: 6_000,
    burst: 3,
    quietMs: 12_000,
    trafficMs: 60_000,
    nodeAwayMs: 2_000,
    redisAwayMs: 3_000,
    isLarge: true,
    leaseMs: 30_000,
    lingerMs: 5_000,
    windowMs: 10_000,
    recoveryMs: 15_000,
  },
} as const satisfies Record<string, Size>
