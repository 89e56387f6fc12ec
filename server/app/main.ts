// No import of a package before this: one that is missing would end the start with a stack of Node's.
import('./chat.ts')
  .then(({ chat }) => chat())
  .catch((error: unknown) => {
    const reason = explain(error)
    process.stderr.write(`fastify-phoenix: ${reason instanceof Error ? reason.message : String(reason)}\n`)
    process.exitCode = 1
  })

/** Say what to do if a package is missing: the chat's are development's, for users of the library need few of them. */
function explain(error: unknown): unknown {
  const { code, message } = Object(error)
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /package '([^']+)'/.exec(message)?.[1] : undefined
  if (missing === undefined) return error
  return new Error(
    `the package ${missing} is missing: the chat requires the development dependencies; install them with \`npm ci\``,
  )
}
