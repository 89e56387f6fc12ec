import { fileURLToPath } from 'node:url'
import type { Started } from '../cluster/index.ts'
import type { Endpoint } from '../index.ts'
import { buildApp } from './app.ts'
import type { Settings } from './settings.ts'

/** Milliseconds to wait for the other nodes before this one serves its own clients alone. */
const CONNECT_LIMIT_MS = 2_000

/** Length of the queue for connections: all clients come at once after a restart. Linux takes 4,096 at most. */
const BACKLOG = 4_096

/** Build the app and listen, as soon as the other nodes can be reached: clients talk to theirs, too. */
export async function serve(settings: Settings): Promise<Started> {
  const pageRoot = fileURLToPath(new URL('../client/', import.meta.url))
  const dashboardRoot = fileURLToPath(new URL('../dashboard/', import.meta.url))
  const { app, supervisor } = await buildApp({ ...settings, pageRoot, dashboardRoot })
  await app.ready()
  await connected(app.endpoint)
  await app.listen({ port: settings.port, host: settings.host, backlog: BACKLOG })
  return { app, failed: supervisor.failed }
}

/** Wait for the other nodes, up to the limit. */
function connected({ ready }: Endpoint): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CONNECT_LIMIT_MS)
    void ready.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
