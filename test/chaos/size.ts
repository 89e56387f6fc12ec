/** How large a run is. */
export type Size = {
  readonly nodes: number
  readonly clients: number
  readonly rooms: number
  /** Every client speaks so often, in milliseconds, and says so many things at once. */
  readonly everyMs: number
  readonly burst: number
  /** Milliseconds without a fault: before the first, after each, and from start to end at least. */
  readonly quietMs: number
  readonly trafficMs: number
  /** Milliseconds for which a killed node stays away, and Redis. */
  readonly nodeAwayMs: number
  readonly redisAwayMs: number
  /** Whether Redis dies a second time. */
  readonly isLarge: boolean
  /** The engine's lease in milliseconds: a killed node's members are listed so long. */
  readonly leaseMs: number
  /** How long a topic stays subscribed to after the last client left, and how long a poll waits, in ms. */
  readonly lingerMs: number
  readonly windowMs: number
  /** Milliseconds in which all clients must be back after a fault. */
  readonly recoveryMs: number
}

/** The sizes of `npm run test:all` and of `npm run chaos`. */
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
