/**
 * Milliseconds within which several signals count as one. A Ctrl-C arrives twice: from the terminal, and from npm,
 * which repeats it.
 */
const SAME_MS = 500

/** Call `stop` at the first SIGTERM or SIGINT. A signal more than `SAME_MS` later ends the process with code 1. */
export function onStopSignal(stop: () => void): void {
  let first: number | null = null
  const handle = (): void => {
    const now = performance.now()
    if (first === null) {
      first = now
      stop()
    } else if (now - first > SAME_MS) process.exit(1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, handle)
}
