/** How large a run is. */
export type Size = {
  /** Clients that stay from start to end, and the rooms that they share. */
  readonly steady: number
  readonly rooms: number
  /** How many of them poll. */
  readonly pollers: number
  /** In every room somebody speaks so often, in milliseconds. */
  readonly everyMs: number
  /** Clients that come and go per second, on average over a round. */
  readonly churn: number
  /** A round begins every so many milliseconds: others rush in, go, and what is held is measured. */
  readonly rounds: number
  readonly roundMs: number
  /** Steady clients while others offend in all ways at once, and for how many milliseconds these do. */
  readonly besieged: number
  readonly siegeMs: number
  /** With which the server's V8 is run. */
  readonly flags: readonly string[]
}

/**
 * Compile each function at its first call, and never again: V8 goes on compiling what is called often for
 * minutes, and code is in the heap.
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

/** The sizes of `npm run test:all` and of `npm run soak`. */
export const sizes = {
  small: { ...size, rounds: 3, siegeMs: 10_000, flags: COMPILE_ONCE },
  full: { ...size, rounds: 60, siegeMs: 120_000, flags: [] },
} as const satisfies Record<string, Size>
