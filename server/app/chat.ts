import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cluster, type Started } from '../cluster/index.ts'
import { buildApp } from './app.ts'
import { loggerOptions } from './logger.ts'
import { help, readSettings, type Settings } from './settings.ts'

/** Maximum number of milliseconds to wait for the other nodes. After this time, this node starts without them. */
const CONNECT_LIMIT_MS = 2_000
/**
 * Maximum number of connections that wait to be accepted. After a restart, all clients reconnect at the same time.
 * By default, Linux allows at most 4,096.
 */
const BACKLOG = 4_096

/**
 * Run the chat with the arguments and the environment of this process. If a setting is invalid, rejects with an error
 * whose message is one line.
 */
export async function chat(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean' }, workers: { type: 'string' } } })
  if (values.help) return void process.stdout.write(help)
  const { workers: WORKERS = process.env['WORKERS'] } = values
  const settings = readSettings({ ...process.env, WORKERS })
  await cluster({
    workers: settings.workers,
    start: () => serve(settings),
    shutdownDelay: settings.shutdownDelayMs,
    logger: loggerOptions(settings.logLevel),
  })
}

/**
 * Build the app, wait for the connection to the other nodes, then listen. A client that connects earlier would miss
 * messages from clients of the other nodes.
 */
async function serve(settings: Settings): Promise<Started> {
  const pageRoot = fileURLToPath(new URL('../client/', import.meta.url))
  const dashboardRoot = fileURLToPath(new URL('../dashboard/', import.meta.url))
  const { app, supervisor } = await buildApp({ ...settings, pageRoot, dashboardRoot })
  await app.ready()
  await Promise.race([app.endpoint.ready, setTimeout(CONNECT_LIMIT_MS, undefined, { ref: false })])
  await app.listen({ port: settings.port, host: settings.host, backlog: BACKLOG })
  return { app, failed: supervisor.failed }
}
