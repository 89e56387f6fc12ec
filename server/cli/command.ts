/** Output streams of a command, and source of its stop signals: `process`, or an object that a test provides. */
export type Terminal = {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  once(signal: 'SIGINT' | 'SIGTERM', stop: () => void): unknown
}

/** Subcommand of `fastify-phoenix`. */
export type Command = {
  /** Text for `--help`: the arguments, and what the command does. */
  readonly help: string
  /**
   * Run the subcommand with the arguments after its name. Resolves with the exit code. @throws Error with a message for
   * the user.
   */
  run(args: readonly string[], terminal: Terminal): Promise<number>
}

/** Wait for the first SIGINT or SIGTERM. */
export function stopSignal(terminal: Terminal): Promise<void> {
  return new Promise((resolve) => {
    terminal.once('SIGINT', resolve)
    terminal.once('SIGTERM', resolve)
  })
}
