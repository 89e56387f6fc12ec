import { MAX_DELAY_MS } from './delay.ts'

/**
 * Wait for a promise for at most `ms` milliseconds. A time above the maximum of a timer, such as `Infinity`, is reduced
 * to this maximum. Resolves with `otherwise` if the promise is still pending after this time; rejects if the promise
 * rejects earlier.
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
