import swagger from '@fastify/swagger'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance, LogController } from 'fastify'
import { health } from '../health/index.ts'
import { phoenix, Supervisor } from '../index.ts'
import { authOf } from './auth.ts'
import { answerClientError, answerError, Problem, refuseWhileDraining } from './errors.ts'
import { guardHosts } from './hosts.ts'
import { limitsOf } from './limits.ts'
import { loggerOptions, logRequests } from './logger.ts'
import { nodeOptions } from './nodes.ts'
import { openApiOptions } from './openapi.ts'
import { RoomPresence } from './presence.ts'
import { Rooms } from './rooms.ts'
import { type Pages, webRoutes } from './routes/web.ts'
import { readSettings, type Settings } from './settings.ts'
import { userSocket } from './user-socket.ts'
import { NotificationWorker } from './workers/notification-worker.ts'

/** Options of `buildApp`. Every setting has a default. */
export type AppOptions = Partial<Settings> & Pages

/** App with its supervisor. */
export type App = {
  readonly app: FastifyInstance
  readonly supervisor: Supervisor
}

const BODY_LIMIT_BYTES = 65_536
/** Maximum interval in milliseconds between checks for requests that take too long to arrive. */
const LATE_REQUESTS_EVERY_MS = 5_000
/** Maximum size of a frame in bytes. A message of 4,000 characters fits, even if JSON escapes each of them. */
const MAX_FRAME_SIZE = 65_536
/** Maximum length of a path parameter: enough for a percent-encoded room name of 64 code points. */
const MAX_PARAM_LENGTH = 1_024

/** Build the app: the page, the rooms API, the socket, and the supervised NotificationWorker. */
export async function buildApp(options: AppOptions = {}): Promise<App> {
  const settings = { ...readSettings({}), ...options }
  const app = fastify({
    logger: loggerOptions(settings.logLevel),
    // Disable Fastify's own request log, because `logRequests` logs the requests.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: settings.requestTimeoutMs,
    http: {
      connectionsCheckingInterval: Math.min(settings.requestTimeoutMs || Infinity, LATE_REQUESTS_EVERY_MS),
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: settings.trustProxy.length > 0 && [...settings.trustProxy],
    // Disabled, because `refuseWhileDraining` and the health routes respond to requests during the shutdown.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    clientErrorHandler: answerClientError,
  })
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.setErrorHandler(answerError)
  app.addSchema(Problem)
  await app.register(swagger, openApiOptions)
  const guard = guardHosts(settings)
  if (guard !== null) app.addHook('onRequest', guard)
  // Registered before the `phoenix` plugin, whose own hook would respond with an empty body.
  app.addHook('onRequest', refuseWhileDraining)
  const supervisor = new Supervisor({ strategy: 'one_for_one', logger: app.log })
  await app.register(phoenix, {
    sockets: {
      '/socket': {
        socket: userSocket(authOf(settings)),
        websocket: { maxFrameSize: MAX_FRAME_SIZE },
        longpoll: { maxFrameSize: MAX_FRAME_SIZE, maxBodyBytes: 16 * MAX_FRAME_SIZE },
        authToken: true,
      },
    },
    limits: limitsOf(settings),
    ...nodeOptions(settings, [RoomPresence]),
  })
  if (settings.redisUrl !== null && settings.secret === null) {
    app.log.warn(
      'SECRET_KEY_BASE is not set: long-poll tokens are signed with a secret derived from REDIS_URL',
    )
  }
  logRequests(app)
  app.decorate('rooms', new Rooms(app.endpoint))
  const { maxLoopDelayMs: maxLoopDelay, readyRequiresEngine } = settings
  await app.register(health, { endpoint: app.endpoint, maxLoopDelay, readyRequiresEngine })
  await app.register(webRoutes, { ...settings, supervisor })

  app.addHook('preClose', () => supervisor.stop())
  if (settings.notifyEveryMs > 0) {
    const context = { endpoint: app.endpoint, every: settings.notifyEveryMs }
    await supervisor.startChild({
      worker: NotificationWorker,
      context,
      restart: 'permanent',
      shutdown: 5_000,
    })
  }
  return { app, supervisor }
}
