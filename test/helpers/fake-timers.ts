import { onTestFinished, vi } from 'vitest'

/** Vitest's fake timers and clocks, until the test has finished. */
export function useFakeTimers(): void {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
}
