import type { FastifyInstance, FastifySchema } from 'fastify'
import { type Static, type TSchema, Type } from 'typebox'
import { anything, checkOption, nonNegative } from '../../protocol/check.ts'
import { ProtocolError } from '../../protocol/index.ts'
import { compile } from '../channel/validate.ts'
import { isEndpoint } from '../endpoint/endpoint.ts'
import type { Endpoint } from '../endpoint/endpoint-interface.ts'
import type { HistoryPage, HistoryQuery } from '../endpoint/read-history.ts'
import { checkEndpoint, KeyReusedError, UsageError } from '../errors.ts'
import { type GuardOptions, guard, guardRules, RequestError, requiredAuthorizeOf } from '../operator/guard.ts'
import { pluginOptions } from '../operator/plugin-options.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { Admin } from './admin.ts'
import { Event } from './event.ts'
import { limitRequests } from './limit-requests.ts'
import { NodeInfo } from './node-info.ts'

/** Options of the admin routes. Either `token` or `authorize` must be set. */
export type AdminOptions = GuardOptions & {
  /** Endpoint of this node. The routes act on all nodes of its cluster. */
  readonly endpoint: Endpoint
  /** Supervisor whose workers can be restarted. Default: none. */
  readonly supervisor?: Supervisor
  /**
   * Maximum number of requests per second from one address. A burst can have up to twice that number. 0 disables the
   * limit. Default: 100.
   */
  readonly rateLimit?: number
}

const adminOptions = pluginOptions<AdminOptions>({
  ...guardRules,
  supervisor: anything,
  rateLimit: nonNegative,
})

/** Maximum number of broadcasts in one request. */
const MAX_BROADCASTS = 100
const Topic = Type.String({ pattern: '^\\P{Cc}{1,1024}$', description: 'Topic, such as room:lobby' })
// Refuse unknown properties, because a misspelled optional property would otherwise be ignored. Without `key`, a
// retried broadcast would be sent twice. Without `socketId`, the channels of all clients would be closed.
const strict = { additionalProperties: false }
const BroadcastBody = Type.Object(
  {
    topic: Topic,
    event: Event,
    payload: Type.Object({}, { additionalProperties: true }),
    key: Type.Optional(
      Type.String({
        pattern: '^.{1,128}$',
        description:
          'If a request with the same topic, event, payload and key is repeated, a history keeps and delivers it once. ' +
          'If only the topic and the key are the same, the response is 422.',
      }),
    ),
  },
  strict,
)
const BroadcastsBody = Type.Object(
  { broadcasts: Type.Array(BroadcastBody, { minItems: 1, maxItems: MAX_BROADCASTS }) },
  strict,
)
const sent = okResponses(
  'False if it is unknown whether the other nodes or the history received a broadcast of the request (503)',
)
const disconnected = okResponses('False if it is unknown whether the other nodes received the request (503)')
const Closed = Type.Object({ closed: Type.Integer({ description: 'Number of closed channels' }) })
const TopicCount = Type.Object({
  topic: Type.String(),
  count: Type.Integer({ description: 'Joined channels' }),
})
const TopicPage = Type.Object({
  topics: Type.Array(TopicCount),
  next: Type.Union([Type.String(), Type.Null()], {
    description: 'Value of `after` for the next page; null if there is none',
  }),
})
const Presences = Type.Object(
  {},
  {
    additionalProperties: true,
    description: 'Presence entries, grouped by the name of the presence definition, then by presence key',
  },
)
const Details = Type.Object({ ...TopicCount.properties, presences: Presences })
const PageQuery = Type.Object({
  prefix: Type.Optional(Type.String({ default: '' })),
  after: Type.Optional(Type.String({ default: '' })),
  limit: Type.Optional(
    Type.String({ pattern: '^(?:[1-9]\\d{0,2}|1000)$', default: '100', description: '1 to 1,000' }),
  ),
})
const RangeQuery = Type.Object({
  limit: PageQuery.properties.limit,
  before: Type.Optional(
    Type.String({
      pattern: '^[1-9]\\d{0,14}$',
      description: 'Value of `before` in the previous response, to get older broadcasts',
    }),
  ),
})
const HistoryPart = Type.Object({
  epoch: Type.String({
    description:
      'Id of the current numbering of the broadcasts; `seq` is comparable only within the same `epoch`',
  }),
  head: Type.Integer({ description: '`seq` of the latest broadcast of this epoch; 0 = none' }),
  messages: Type.Array(
    Type.Object({
      seq: Type.Union([Type.Integer(), Type.Null()], {
        description:
          'Sequence number in the current epoch of the history, from 1; null if the broadcast is from an earlier epoch',
      }),
      event: Type.String(),
      payload: Type.Object({}, { additionalProperties: true }),
      at: Type.Integer({ description: 'Milliseconds since 1970' }),
    }),
  ),
  before: Type.Union([Type.Integer(), Type.Null()], {
    description:
      'To get older broadcasts, send this number as the parameter `before`; null if there are none',
  }),
})
const TopicParams = Type.Object({ topic: Topic })
const SocketId = Type.String({
  pattern: '^\\P{Cc}{1,255}$',
  description: 'Socket id, as the `id` callback of the socket definition returns it',
})
const SocketParams = Type.Object({ id: SocketId })
const CloseBody = Type.Union([Type.Object({ socketId: Type.Optional(SocketId) }, strict), Type.Null()])
const WorkerParams = Type.Object({ node: Type.String(), id: Type.String() })

/** Schemas of the responses 202 and 503 with the body `{ ok }`. `description` says when `ok` is false. */
function okResponses(description: string) {
  const Body = Type.Object({ ok: Type.Boolean({ description }) })
  return { 202: Body, 503: Body }
}

/** Create a route's schema, with the fields that all routes share. */
function describe(summary: string, schema: FastifySchema) {
  return { schema: { summary, tags: ['admin'], security: [{ bearer: [] }], ...schema } }
}

/**
 * Plugin with routes for operators and for programs in any language. All routes act on the whole cluster.
 * @throws UsageError with `PHX_ERR_OPTION` for an illegal option, or if neither `token` nor `authorize` is set; with
 * `PHX_ERR_NO_ENDPOINT` if the endpoint is missing.
 */
export async function admin(app: FastifyInstance, options: AdminOptions): Promise<void> {
  checkOption('admin', options, adminOptions)
  const { endpoint, supervisor = null, rateLimit = 100 } = options
  checkEndpoint('admin', endpoint, isEndpoint)
  const authorize = requiredAuthorizeOf('admin', options)
  const functions = new Admin(endpoint, supervisor)
  app.setValidatorCompiler(validator)
  if (rateLimit > 0) app.addHook('onRequest', limitRequests(rateLimit))
  // Check the token after all rate limits, so that guesses of the token are limited too. The body is read only after
  // this check.
  app.addHook('preParsing', guard(authorize))
  broadcastRoutes(app, functions)
  topicRoutes(app, functions)
  nodeRoutes(app, functions)
}

/**
 * Compile a schema into a check that leaves the value unchanged. Fastify's own validator would convert values and drop
 * unknown keys.
 */
function validator({ schema, httpPart = 'request' }: { schema: unknown; httpPart?: string }) {
  // The cast is safe: all schemas in this file are TypeBox schemas. Fastify declares schemas as unknown.
  const check = compile(schema as TSchema, 'admin')
  return (value: unknown) => {
    const [fault] = check?.(value) ?? []
    if (fault === undefined) return { value }
    return { error: new RequestError(400, `${httpPart}${fault.path} ${fault.message}`) }
  }
}

function broadcastRoutes(app: FastifyInstance, functions: Admin): void {
  const one = describe('Broadcast an event', { body: BroadcastBody, response: sent })
  app.post<{ Body: Static<typeof BroadcastBody> }>('/broadcast', one, async ({ body }, reply) => {
    const ok = await send(functions, body)
    return reply.code(ok ? 202 : 503).send({ ok })
  })

  const many = describe('Broadcast up to 100 events, in order', {
    body: BroadcastsBody,
    response: sent,
  })
  app.post<{ Body: Static<typeof BroadcastsBody> }>('/broadcasts', many, async ({ body }, reply) => {
    const attempts = body.broadcasts.map((one, index) => send(functions, one, `broadcasts[${index}]: `))
    // Wait for all broadcasts: `Promise.all` alone would reject as soon as one fails, while others are still being
    // sent.
    await Promise.allSettled(attempts)
    const ok = (await Promise.all(attempts)).every(Boolean)
    return reply.code(ok ? 202 : 503).send({ ok })
  })
}

/** @throws RequestError 422 when the key was used for another event or payload, 400 when the payload cannot be sent. */
async function send(functions: Admin, given: Static<typeof BroadcastBody>, where = ''): Promise<boolean> {
  try {
    return await functions.broadcast(given.topic, given.event, given.payload, given.key)
  } catch (error) {
    if (error instanceof KeyReusedError)
      throw new RequestError(422, `${where}The \`key\` was already used for another event or payload.`)
    if (error instanceof ProtocolError) throw new RequestError(400, `${where}${error.message}`)
    throw error
  }
}

/** @throws RequestError 404 when the topic has no history, 503 when the history cannot be read now. */
async function readHistory(functions: Admin, topic: string, range: HistoryQuery): Promise<HistoryPage> {
  try {
    const page = await functions.history(topic, range)
    if (page === null) throw new RequestError(503, 'The history cannot be read now. Try again later.')
    return page
  } catch (error) {
    if (error instanceof UsageError) throw new RequestError(404, `"${topic}" has no history.`)
    throw error
  }
}

function topicRoutes(app: FastifyInstance, functions: Admin): void {
  const list = describe('List topics in the order of their names', {
    querystring: PageQuery,
    response: { 200: TopicPage },
  })
  app.get<{ Querystring: Static<typeof PageQuery> }>('/topics', list, ({ query }) => {
    const { prefix = '', after = '', limit = '100' } = query
    return functions.topics.page({ prefix, after, limit: Number(limit) })
  })

  const show = describe('Read the member count and the presences of a topic', {
    params: TopicParams,
    response: { 200: Details },
  })
  app.get<{ Params: Static<typeof TopicParams> }>('/topics/:topic', show, ({ params }) =>
    functions.details(params.topic),
  )

  const read = describe("Read a topic's latest broadcasts; in each page, the oldest comes first", {
    params: TopicParams,
    querystring: RangeQuery,
    response: { 200: HistoryPart },
  })
  app.get<{ Params: Static<typeof TopicParams>; Querystring: Static<typeof RangeQuery> }>(
    '/topics/:topic/history',
    read,
    ({ params, query: { limit = '100', before } }) =>
      readHistory(functions, params.topic, {
        last: Number(limit),
        ...(before !== undefined && { before: Number(before) }),
      }),
  )

  const close = describe('Close the channels of a topic: all of them, or those of one socket id', {
    params: TopicParams,
    body: CloseBody,
    response: { 200: Closed },
  })
  app.post<{ Params: Static<typeof TopicParams>; Body: Static<typeof CloseBody> }>(
    '/topics/:topic/close',
    close,
    async ({ params, body }) => ({
      closed: await functions.closeChannel(params.topic, body?.socketId ?? null),
    }),
  )
}

function nodeRoutes(app: FastifyInstance, functions: Admin): void {
  const disconnect = describe('Close every connection of a socket id; the clients reconnect', {
    params: SocketParams,
    response: disconnected,
  })
  app.post<{ Params: Static<typeof SocketParams> }>(
    '/sockets/:id/disconnect',
    disconnect,
    async ({ params }, reply) => {
      // A disconnect is broadcast on the topic whose name is the socket id. If channels have joined that topic, the id
      // is not a socket id, and the broadcast would reach the clients of those channels.
      const { count } = await functions.details(params.id)
      if (count > 0) throw new RequestError(400, `"${params.id}" is a topic with channels, not a socket id.`)
      const ok = await functions.disconnect(params.id)
      return reply.code(ok ? 202 : 503).send({ ok })
    },
  )

  const nodes = describe('List the nodes', {
    response: { 200: Type.Object({ nodes: Type.Array(NodeInfo) }) },
  })
  app.get('/nodes', nodes, async () => ({ nodes: await functions.nodes() }))

  const restart = describe('Restart a supervised worker of a node', {
    params: WorkerParams,
    response: { 200: Type.Object({ restarted: Type.Boolean() }) },
  })
  app.post<{ Params: Static<typeof WorkerParams> }>(
    '/nodes/:node/workers/:id/restart',
    restart,
    async ({ params }) => ({ restarted: await functions.restartWorker(params.node, params.id) }),
  )
}
