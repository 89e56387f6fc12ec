import { fileURLToPath } from 'node:url'
import { buildApp } from './app.ts'
import { help, readSettings, type Settings } from './settings.ts'

/** End the process with one clear line. */
function fail(error: unknown): never {
  process.stderr.write(`fastify-phoenix: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

async function main(settings: Settings): Promise<void> {
  const pageRoot = fileURLToPath(new URL('../client/', import.meta.url))
  const { app, failed } = await buildApp({ ...settings, pageRoot })
  let isStopping = false
  const stop = async (exitCode: number): Promise<void> => {
    // A second signal ends at once.
    if (isStopping) process.exit(1)
    isStopping = true
    // Plain requests are answered 503 while clients are sent elsewhere; then the server closes.
    await app.endpoint.drain()
    await app.close()
    process.exit(exitCode)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(0).catch(fail))
  await app.listen({ port: settings.port, host: settings.host })
  await failed
  await stop(1)
}

if (process.argv.includes('--help')) process.stdout.write(help)
else {
  try {
    await main(readSettings(process.env))
  } catch (error) {
    fail(error)
  }
}
