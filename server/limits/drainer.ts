import { MAX_DELAY_MS } from '../runtime/delay.ts'

/** How connections are closed when the server stops. */
export type DrainerOptions = {
  /** Connections closed at a time. Default: 10,000. */
  readonly batchSize?: number
  /** Milliseconds between two batches. Default: 2,000. */
  readonly batchInterval?: number
  /**
   * Milliseconds for the whole drain; then the remaining connections are closed without waiting for
   * `terminate`. Default: 30,000.
   */
  readonly shutdown?: number
}

/** Which batch of connections is closed: `count` of `total`. */
export type DrainRound = {
  readonly count: number
  readonly total: number
  /** From 0. */
  readonly index: number
  readonly rounds: number
}

/** Drainer options, all filled in. */
export type Drainer = Readonly<Required<DrainerOptions>>

/** The defaults are Phoenix's. */
export const drainerDefaults: Drainer = Object.freeze({
  batchSize: 10_000,
  batchInterval: 2_000,
  shutdown: 30_000,
})

/**
 * Close connections in batches, then wait for `settling`, what their channels still do; never rejects.
 * At the limit of `shutdown` the rest is closed at once and nothing is waited for (DRAIN-2, DRAIN-3).
 */
export async function drain<T>(
  connections: readonly T[],
  close: (batch: readonly T[], round: DrainRound) => void,
  drainer: Drainer,
  settling: ReadonlySet<PromiseLike<unknown>>,
): Promise<void> {
  const deadline = performance.now() + drainer.shutdown
  const left = (): number => Math.min(MAX_DELAY_MS, Math.max(0, deadline - performance.now()))
  for (let start = 0; start < connections.length; start += drainer.batchSize) {
    if (start > 0) await sleep(Math.min(drainer.batchInterval, left())).over
    const batchEnd = left() > 0 ? start + drainer.batchSize : connections.length
    const batch = connections.slice(start, batchEnd)
    close(batch, {
      count: batch.length,
      total: connections.length,
      index: start / drainer.batchSize,
      rounds: Math.ceil(connections.length / drainer.batchSize),
    })
    if (batchEnd === connections.length) break
  }
  const { over, timer } = sleep(left())
  // A handler that settles may be followed by its channel's `terminate`, which begins only then.
  while (settling.size > 0 && left() > 0) await Promise.race([Promise.allSettled(settling), over])
  clearTimeout(timer)
}

/** A promise that resolves after `ms` milliseconds, and its timer. */
function sleep(ms: number): { readonly over: Promise<void>; readonly timer: NodeJS.Timeout } {
  let resolve = (): void => {}
  const over = new Promise<void>((done) => {
    resolve = done
  })
  return { over, timer: setTimeout(resolve, ms) }
}
