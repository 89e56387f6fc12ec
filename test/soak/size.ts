/** Size of a run. */
export type Size = {
  /** Number of steady clients, which are joined from start to end. */
  readonly steady: number
  /** Number of rooms that the steady clients share. */
  readonly rooms: number
  /** Number of steady clients that use long-poll. */
  readonly pollers: number
  /** Milliseconds between two messages in a room. */
  readonly everyMs: number
  /** Clients that come and go per second, on average over a round. */
  readonly churn: number
  /** Number of rounds. In each round other clients come and go, then the resources of the server are measured. */
  readonly rounds: number
  /** Milliseconds from the start of a round to the start of the next. */
  readonly roundMs: number
  /** Number of steady clients of the siege, in which all offences are committed at once. */
  readonly besieged: number
  /** Milliseconds that the siege lasts. */
  readonly siegeMs: number
  /** V8 flags of the server. */
  readonly flags: readonly string[]
}

/**
 * Flags that compile each function only once, at its first call. By default, V8 recompiles frequently called functions
 * for minutes, and compiled code is in the heap.
 */
const COMPILE_ONCE = [
  '--no-opt',
  '--always-sparkplug',
  '--no-lazy-feedback-allocation',
  '--no-flush-bytecode',
]

const size = {
  steady: 2_000,
  rooms: 100,
  pollers: 10,
  everyMs: 1_000,
  churn: 200,
  roundMs: 10_000,
  besieged: 500,
}

/** Sizes of a run: `small` for `npm run test:all`, `full` for `npm run soak`. */
export const sizes = {
  small: { ...size, rounds: 6, siegeMs: 10_000, flags: COMPILE_ONCE },
  full: { ...size, rounds: 60, siegeMs: 120_000, flags: [] },
} as const satisfies Record<string, Size>
