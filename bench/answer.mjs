/**
 * Answers `Child.call`: runs a command of the parent process and sends back its result or error.
 * Ends this process when the parent has ended.
 * @param {Record<string, (argument: any) => unknown>} commands
 */
export function answer(commands) {
  process.on('message', async (/** @type {{ id: number, command: string, argument: unknown }} */ message) => {
    const { id, command, argument } = message
    try {
      process.send?.({ id, result: await commands[command]?.(argument) })
    } catch (error) {
      process.send?.({ id, error: String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
}
