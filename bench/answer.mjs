/**
 * The answering half of `Child.call`: runs a command of the parent process and sends back what it returns or throws.
 * Ends this process when the parent is gone.
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
