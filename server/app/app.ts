import fastifyStatic from '@fastify/static'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance } from 'fastify'
import { phoenix, Supervisor } from '../index.ts'
import { roomsRoutes } from './routes/rooms.ts'
import { readSettings, type Settings } from './settings.ts'
import { UserSocket } from './user-socket.ts'
import { NotificationWorker } from './workers/notification-worker.ts'

/** How to build the app; everything has a default. */
export type AppOptions = Partial<Settings> & {
  /** Folder of the built page; default: none is served. */
  readonly pageRoot?: string
}

/** The app, and what ends it: a supervisor that has given up. */
export type App = { readonly app: FastifyInstance; readonly failed: Promise<Error> }

const BODY_LIMIT_BYTES = 65_536
/** Room names of 64 code points, percent-encoded. */
const MAX_PARAM_LENGTH = 1_024
/** What is being answered when the app has closed its sockets may take as long. */
const CLOSE_GRACE_MS = 1_000

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Build the app: the page, the rooms API, the socket, and the supervised NotificationWorker. */
export async function buildApp(options: AppOptions = {}): Promise<App> {
  const settings = { ...readSettings({}), ...options }
  const app = fastify({
    logger: { level: settings.logLevel },
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  })
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.addHook('onSend', async (_request, reply) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY)
    reply.header('x-content-type-options', 'nosniff')
    reply.header('referrer-policy', 'no-referrer')
  })
  await app.register(phoenix, { sockets: { '/socket': { socket: UserSocket, longpoll: true } } })
  await app.register(roomsRoutes)
  if (settings.pageRoot !== undefined) await app.register(fastifyStatic, { root: settings.pageRoot })

  const supervisor = await startSupervisor(app, settings.notifyEveryMs)
  app.addHook('preClose', () => supervisor.stop())
  limitClosing(app)
  return { app, failed: supervisor.failed }
}

/** Browsers connect ahead of need, and Node would wait for such a connection as long as they keep it. */
function limitClosing(app: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref()
  })
  app.addHook('onClose', async () => clearTimeout(timer))
}

/** The supervision tree. */
async function startSupervisor(app: FastifyInstance, every: number): Promise<Supervisor> {
  const supervisor = new Supervisor({ strategy: 'one_for_one', logger: app.log })
  if (every > 0) {
    const context = { endpoint: app.endpoint, every }
    await supervisor.startChild({
      worker: NotificationWorker,
      context,
      restart: 'permanent',
      shutdown: 5_000,
    })
  }
  return supervisor
}
