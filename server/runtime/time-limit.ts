import { MAX_DELAY_MS } from './delay.ts'

/**
 * Wait for a promise, at most `ms` milliseconds; `Infinity` and longer delays than a timer has mean the longest of
 * a timer. Resolves with `otherwise` at the limit. Rejects if the promise rejects before it.
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
