import { setTimeout as sleep } from 'node:timers/promises'
import swagger from '@fastify/swagger'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance, LogController } from 'fastify'
import { phoenix, Supervisor } from '../index.ts'
import { authOf } from './auth.ts'
import { limitClosing } from './closing.ts'
import { Counting } from './counting.ts'
import { Sampler } from './dashboard/sampler.ts'
import { dashboardMount } from './dashboard-socket.ts'
import { answerClientError, answerError, Problem, refuseWhileDraining } from './errors.ts'
import { guardHosts } from './hosts.ts'
import { limitsOf } from './limits.ts'
import { loggerOptions } from './logger.ts'
import { LoopDelay } from './loop-delay.ts'
import { nodeOptions } from './nodes.ts'
import { openApiOptions } from './openapi.ts'
import { RoomPresence } from './presence.ts'
import { logRequests } from './request-log.ts'
import { Rooms } from './rooms.ts'
import { healthRoutes } from './routes/health.ts'
import { webRoutes } from './routes/web.ts'
import { readSettings, type Settings } from './settings.ts'
import { userSocket } from './user-socket.ts'
import { NotificationWorker } from './workers/notification-worker.ts'

/** How to build the app; everything has a default. */
export type AppOptions = Partial<Settings> & {
  /** Folder of the built page; default: none is served. */
  readonly pageRoot?: string
  /** Folder of the dashboard's; default: none is served. */
  readonly dashboardRoot?: string
}

/** The app, and what comes before its end. */
export type App = {
  readonly app: FastifyInstance
  /** Of the background work; what else is to be supervised may be started here. */
  readonly supervisor: Supervisor
  /** A supervisor has given up: the process should end. */
  readonly failed: Promise<Error>
  /** Tell load balancers that this process is about to end, and wait as long as they need to notice. */
  leave(): Promise<void>
  /** Listen no more, and wait for those who came last; who is connected is served still. */
  pause(): Promise<void>
}

const BODY_LIMIT_BYTES = 65_536
/** Milliseconds between two looks for requests that take too long to arrive. */
const LATE_REQUESTS_EVERY_MS = 5_000
/** Bytes of a frame; a message of 4,000 characters fits in any spelling. */
const MAX_FRAME_SIZE = 65_536
/** Room names of 64 code points, percent-encoded. */
const MAX_PARAM_LENGTH = 1_024

/** Build the app: the page, the rooms API, the socket, and the supervised NotificationWorker. */
export async function buildApp(options: AppOptions = {}): Promise<App> {
  const settings = { ...readSettings({}), ...options }
  const app = fastify({
    logger: loggerOptions(settings.logLevel),
    // `logRequests` writes a line for each request.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: settings.requestTimeoutMs,
    http: {
      connectionsCheckingInterval: Math.min(settings.requestTimeoutMs || Infinity, LATE_REQUESTS_EVERY_MS),
    },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: settings.trustProxy.length > 0 && [...settings.trustProxy],
    // What comes while it closes is answered by `refuseWhileDraining`, or by the health routes.
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
  // Before the plugin's own, which would answer with nothing.
  app.addHook('onRequest', refuseWhileDraining)
  const supervisor = new Supervisor({ strategy: 'one_for_one', logger: app.log })
  const { counting, loopDelay, sampler } = observe(app, supervisor)
  await app.register(phoenix, {
    sockets: {
      '/socket': {
        socket: userSocket(authOf(settings)),
        websocket: { maxFrameSize: MAX_FRAME_SIZE },
        longpoll: { maxFrameSize: MAX_FRAME_SIZE, maxBodyBytes: 16 * MAX_FRAME_SIZE },
        authToken: true,
      },
      ...dashboardMount(settings.dashboardToken, sampler),
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
  let isLeaving = false
  await app.register(healthRoutes, { ...settings, loopDelay, isLeaving: () => isLeaving })
  await app.register(webRoutes, { ...settings, counting })

  await startWorkers(supervisor, app, settings.notifyEveryMs)
  app.addHook('preClose', () => supervisor.stop())
  const pause = limitClosing(app)
  const leave = async (): Promise<void> => {
    isLeaving = true
    if (settings.shutdownDelayMs > 0) await sleep(settings.shutdownDelayMs)
  }
  return { app, supervisor, failed: supervisor.failed, leave, pause }
}

/** What reads how the app is, each for whoever asks. */
function observe(app: FastifyInstance, supervisor: Supervisor) {
  const endpoint = () => app.endpoint
  const counting = new Counting(endpoint)
  const loopDelay = new LoopDelay()
  app.addHook('onClose', async () => loopDelay.stop())
  return {
    counting,
    loopDelay,
    sampler: new Sampler({ endpoint, rooms: () => app.rooms, counting, loopDelay, supervisor }),
  }
}

/** The supervision tree. */
async function startWorkers(supervisor: Supervisor, app: FastifyInstance, every: number): Promise<void> {
  if (every > 0) {
    const context = { endpoint: app.endpoint, every }
    await supervisor.startChild({
      worker: NotificationWorker,
      context,
      restart: 'permanent',
      shutdown: 5_000,
    })
  }
}
