import { tokenLink } from './token-link.ts'

// Usage: `npm run token -- --name Ann --rooms private-board`
tokenLink(process.argv.slice(2), process.env).then(
  (text) => process.stdout.write(text),
  (error: unknown) => {
    process.stderr.write(`fastify-phoenix: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
