import { MAX_DELAY_MS } from '../runtime/delay.ts'
import { withTimeLimit } from '../runtime/time-limit.ts'

/** Options for closing connections when the server stops. */
export type DrainerOptions = {
  /** Connections closed per batch. Default: 10,000. */
  readonly batchSize?: number
  /** Milliseconds between two batches. Default: 2,000. */
  readonly batchInterval?: number
  /**
   * Maximum duration of the whole drain, in milliseconds. Afterwards, the remaining connections are closed without
   * waiting for `terminate`. Default: 30,000.
   */
  readonly shutdown?: number
}

/** One batch of a drain. The batch closes `count` of the `total` connections. */
export type DrainRound = {
  readonly count: number
  readonly total: number
  /** Number of the batch, from 0. */
  readonly index: number
  readonly rounds: number
}

/** Drainer options, each with a value. */
export type Drainer = Readonly<Required<DrainerOptions>>

/** Default options, as in Phoenix. */
export const drainerDefaults: Drainer = Object.freeze({
  batchSize: 10_000,
  batchInterval: 2_000,
  shutdown: 30_000,
})

/**
 * Close connections in batches. Then wait until `settling`, the set of pending promises, is empty; `terminate`
 * callbacks add promises to the set. After `shutdown` milliseconds, close the remaining connections in one batch, and
 * stop waiting for promises (DRAIN-2, DRAIN-3). Never rejects.
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
    if (start > 0) await sleep(Math.min(drainer.batchInterval, left()))
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
  if (settling.size > 0 && left() > 0) await withTimeLimit(left(), emptied(settling), null)
}

/** Wait until a set of promises is empty. Also waits for promises that are added meanwhile. */
async function emptied(settling: ReadonlySet<PromiseLike<unknown>>): Promise<void> {
  // Check again after each wait. A channel whose handler has settled meanwhile may have called `terminate`, which adds
  // a promise.
  while (settling.size > 0) await Promise.allSettled(settling)
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
