import { MAX_DELAY_MS } from './delay.ts'

/**
 * Wait for a promise, at most `ms` milliseconds and never longer than `MAX_DELAY_MS`. `ms` may be `Infinity`. If the
 * promise is still pending at the end of the wait, resolves with `otherwise`. Rejects if the promise rejects in time.
 */
export async function withTimeLimit<T, O>(ms: number, promise: PromiseLike<T>, otherwise: O): Promise<T | O> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<O>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, MAX_DELAY_MS), otherwise)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
