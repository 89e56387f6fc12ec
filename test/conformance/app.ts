import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify, { type FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { TOKEN_SALT } from '../../server/app/auth.ts'
import { nodeOptions } from '../../server/app/nodes.ts'
import { Rooms } from '../../server/app/rooms.ts'
import { roomsRoutes } from '../../server/app/routes/rooms.ts'
import { NotificationWorker } from '../../server/app/workers/notification-worker.ts'
import { defineSocket, KeyReusedError, phoenix, Supervisor, Token } from '../../server/index.ts'
import { PresenceChannel, ReferenceChannel, ReferencePresence } from './channels.ts'
import { BigChannel, FilteredChannel, LogChannel, PlainChannel } from './log-channels.ts'

export type ConformanceOptions = {
  /** Level of the log; default 'error'. */
  logLevel?: string
  /** Milliseconds between two rounds of the NotificationWorker; default 0: it does not run. */
  notifyEveryMs?: number
  /** Where it meets other nodes; default null: it is alone. */
  redisUrl?: string | null
  /** Whether what that Redis has answered survives its restart; default false. */
  durable?: boolean
  /** Signs long-poll tokens; default null: one that all nodes of this app know. */
  secret?: string | null
  /** Clients need a Phoenix.Token that is signed with it; default null: none. */
  authSecret?: string | null
}

type Posted = { topic: string; event: string; payload: object }
const Posted = Type.Object({ topic: Type.String(), event: Type.String(), payload: Type.Object({}) })

type Published = Posted & { key?: string }
const Published = Type.Object({ ...Posted.properties, key: Type.Optional(Type.String()) })
type Block = { ms: number }
const Block = Type.Object({ ms: Type.Integer({ minimum: 0, maximum: 60_000 }) })

/** The reference app: what the recorded frames of golden.json are replayed against. */
export async function buildConformanceApp(options: ConformanceOptions = {}): Promise<FastifyInstance> {
  const {
    logLevel = 'error',
    notifyEveryMs: every = 0,
    redisUrl = null,
    secret = null,
    durable = false,
  } = options
  const nodes = nodeOptions({ redisUrl, secret, durable }, [ReferencePresence])
  const hasHistory = nodes.engine === undefined || nodes.engine.openHistory !== undefined
  const socket = referenceSocket(options.authSecret ?? null, hasHistory)
  const app = fastify({ logger: logLevel === 'silent' ? false : { level: logLevel } })
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  await app.register(phoenix, {
    sockets: { '/socket': { socket, longpoll: true } },
    ...nodes,
  })
  app.decorate('rooms', new Rooms(app.endpoint))
  await app.register(roomsRoutes, { prefix: '/api' })
  app.post<{ Body: Posted }>('/__broadcast', { schema: { body: Posted } }, async (request, reply) => {
    const { topic, event, payload } = request.body
    await app.endpoint.broadcast(topic, event, payload)
    return reply.code(204).send()
  })
  app.post<{ Body: Published }>('/publish', { schema: { body: Published } }, async (request, reply) => {
    const { topic, event, payload, key } = request.body
    try {
      const ok = await app.endpoint.publish(topic, event, payload, key === undefined ? {} : { key })
      return await reply.code(ok ? 202 : 503).send({ ok })
    } catch (error) {
      if (error instanceof KeyReusedError) return reply.code(422).send({ ok: false })
      throw error
    }
  })
  app.post<{ Body: Block }>('/block', { schema: { body: Block } }, async ({ body: { ms } }, reply) => {
    const end = performance.now() + ms
    while (performance.now() < end);
    return reply.code(200).send()
  })
  if (every > 0) await notify(app, every)
  return app
}

async function notify(app: FastifyInstance, every: number): Promise<void> {
  const supervisor = new Supervisor({ strategy: 'one_for_one', logger: app.log })
  app.addHook('preClose', () => supervisor.stop())
  await supervisor.startChild({ worker: NotificationWorker, context: { endpoint: app.endpoint, every } })
}

function referenceSocket(authSecret: string | null, hasHistory: boolean) {
  const isGood = (token?: string): boolean =>
    authSecret === null || 'ok' in Token.verify(authSecret, TOKEN_SALT, token)
  const socket = defineSocket({
    params: Type.Object({
      deny: Type.Optional(Type.Unknown()),
      user_id: Type.Optional(Type.String()),
      token: Type.Optional(Type.String()),
    }),
    connect({ deny, user_id, token }) {
      if (deny !== undefined || !isGood(token)) return { error: 'denied' }
      return { ok: { userId: user_id ?? null } }
    },
  })
    .id(({ userId }) => (userId === null ? null : `user_socket:${userId}`))
    .channel(ReferenceChannel)
    .channel(PresenceChannel)
    .channel(PlainChannel)
  // An engine of the application's own may be without histories.
  return hasHistory ? socket.channel(LogChannel).channel(FilteredChannel).channel(BigChannel) : socket
}
