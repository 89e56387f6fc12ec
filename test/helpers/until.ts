import { setTimeout as delay } from 'node:timers/promises'

/**
 * Wait until the condition holds; fail after `timeout` ms (default 50,000, just under a test's own time limit, so that
 * the error names the condition). For state that has no event.
 */
export async function until(condition: () => boolean, options?: { timeout?: number }): Promise<void> {
  const timeout = options?.timeout ?? 50_000
  const deadline = Date.now() + timeout
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeout} ms: ${condition}`)
    await delay(5)
  }
}
