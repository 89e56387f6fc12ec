// Do not import packages statically here: if a package is missing, Node would print a stack trace instead of the
// message below.
import('./chat.ts')
  .then(({ chat }) => chat())
  .catch((error: unknown) => {
    const reason = explain(error)
    process.stderr.write(`fastify-phoenix: ${reason instanceof Error ? reason.message : String(reason)}\n`)
    process.exitCode = 1
  })

/**
 * Explain what to do if a package is missing. The chat's packages are devDependencies, so that an installation of the
 * library does not include them.
 */
function explain(error: unknown): unknown {
  const { code, message } = Object(error)
  const missing = code === 'ERR_MODULE_NOT_FOUND' ? /package '([^']+)'/.exec(message)?.[1] : undefined
  if (missing === undefined) return error
  return new Error(
    `the package ${missing} is missing: the chat requires the development dependencies; install them with \`npm ci\``,
  )
}
