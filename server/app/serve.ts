import { fileURLToPath } from 'node:url'
import type { Started } from '../cluster/index.ts'
import type { Endpoint } from '../index.ts'
import { buildApp } from './app.ts'
import type { Settings } from './settings.ts'

/**
 * Maximum time in milliseconds to wait for the connection to the other nodes. After that, this node serves its clients
 * alone.
 */
const CONNECT_LIMIT_MS = 2_000

/**
 * Length of the queue for new connections. It is long, because all clients reconnect at once after a restart. Linux
 * allows at most 4,096 by default.
 */
const BACKLOG = 4_096

/**
 * Build the app, wait until the other nodes can be reached, and listen. The wait is needed because clients talk to
 * clients of other nodes.
 */
export async function serve(settings: Settings): Promise<Started> {
  const pageRoot = fileURLToPath(new URL('../client/', import.meta.url))
  const dashboardRoot = fileURLToPath(new URL('../dashboard/', import.meta.url))
  const { app, supervisor } = await buildApp({ ...settings, pageRoot, dashboardRoot })
  await app.ready()
  await connected(app.endpoint)
  await app.listen({ port: settings.port, host: settings.host, backlog: BACKLOG })
  return { app, failed: supervisor.failed }
}

/** Wait until the other nodes can be reached, at most `CONNECT_LIMIT_MS`. */
function connected({ ready }: Endpoint): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CONNECT_LIMIT_MS)
    void ready.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
