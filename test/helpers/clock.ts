import { onTestFinished } from 'vitest'

const TICK_MS = 10

/**
 * Milliseconds since the call, counted by a chain of 10 ms timers until the end of the test. Where the machine is
 * busy each timer is late but counts the same, so a bound on this clock is a count of turns, not of wall time.
 */
export function startClock(): () => number {
  let elapsed = 0
  let timer = setTimeout(tick, TICK_MS)
  function tick(): void {
    elapsed += TICK_MS
    timer = setTimeout(tick, TICK_MS)
  }
  onTestFinished(() => clearTimeout(timer))
  return () => elapsed
}

/** Result of a promise, and the time that it took on that clock. */
export async function timed<T>(promise: Promise<T>): Promise<[value: T, ms: number]> {
  const elapsed = startClock()
  const value = await promise
  return [value, elapsed()]
}
