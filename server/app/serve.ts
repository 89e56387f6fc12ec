import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Engine } from '../index.ts'
import { buildApp } from './app.ts'
import type { Settings } from './settings.ts'

/** The app in this process, listening. */
export type Serving = {
  /** Resolves with what makes it useless to go on. */
  readonly failed: Promise<Error>
  /** Tell load balancers that this process is about to end, and wait as long as they need to notice. */
  leave(): Promise<void>
  /** Listen no more, and wait for those who came last; who is connected is served still. */
  pause(): Promise<void>
  /** The same, then send clients elsewhere and close. */
  stop(): Promise<void>
}

/** Without the other nodes for so long, it listens for its own clients. */
const CONNECT_LIMIT_MS = 2_000

/** So many may knock at the same moment, as all do after a restart; Linux takes no more unless it is told. */
const BACKLOG = 4_096

/** Build the app and listen: once the other nodes can be reached, for what is taken is for them too. */
export async function serve(settings: Settings): Promise<Serving> {
  const pageRoot = fileURLToPath(new URL('../client/', import.meta.url))
  const dashboardRoot = fileURLToPath(new URL('../dashboard/', import.meta.url))
  const { app, failed, leave, pause } = await buildApp({ ...settings, pageRoot, dashboardRoot })
  await app.ready()
  await connected(app.endpoint.engine)
  await app.listen({ port: settings.port, host: settings.host, backlog: BACKLOG })
  const stop = async (): Promise<void> => {
    // A proxy takes a request elsewhere whose connection is refused; one that is answered 503 is lost.
    await pause()
    await app.endpoint.drain()
    await app.close()
  }
  return { failed, leave, pause, stop }
}

async function connected(engine: Engine): Promise<void> {
  const deadline = performance.now() + CONNECT_LIMIT_MS
  while (engine.state === 'connecting' && performance.now() < deadline) await sleep(10)
}
