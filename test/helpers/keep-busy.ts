import { onTestFinished } from 'vitest'

/** Have every turn of the event loop last so many milliseconds, until the returned function is called. */
export function keepBusy(ms: number): () => void {
  const timer = setInterval(() => {
    const end = performance.now() + ms
    while (performance.now() < end);
  }, 0)
  const rest = (): void => clearInterval(timer)
  onTestFinished(rest)
  return rest
}
