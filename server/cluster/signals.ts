/** Milliseconds within which signals count as one: npm repeats a Ctrl-C that the terminal has sent to all processes. */
const SAME_MS = 500

/** Call `stop` at the first SIGTERM or SIGINT; a second one ends the process at once, with code 1. */
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
