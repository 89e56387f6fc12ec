/** Where a command writes, and how it is told to stop: `process`, or what a test gives. */
export type Terminal = {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  once(signal: 'SIGINT' | 'SIGTERM', stop: () => void): unknown
}

/** One subcommand. */
export type Command = {
  /** Its arguments and what it does, for `--help`. */
  readonly help: string
  /** Run with the arguments behind the name; the exit code. @throws Error with words for whoever called it. */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** Resolves at the first SIGINT or SIGTERM. */
export function stopSignal(terminal: Terminal): Promise<void> {
  return new Promise((resolve) => {
    terminal.once('SIGINT', resolve)
    terminal.once('SIGTERM', resolve)
  })
}
