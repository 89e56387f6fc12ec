import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { DoneFuncWithErrOrRes, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Endpoint } from '../endpoint/endpoint.ts'
import { PeerAddress } from '../socket/peer-address.ts'
import { Socket } from '../socket/socket.ts'
import { GuardedLogger } from '../telemetry/guarded-logger.ts'
import { isLevelEnabled } from '../telemetry/log-level.ts'
import type { RouteFinder } from '../upstream/route-finder.ts'
import { RETRY_AFTER_SECONDS } from '../upstream/upgrade-gate.ts'
import { admit, checkOrigin, refuseMethod } from './admit.ts'
import type { Capacity } from './capacity.ts'
import { abandonBody, hangUpSignal, onceWritten, sendStopping } from './exchange.ts'
import { type BodyProblem, readBody } from './longpoll-body.ts'
import { Carrier, ownSessions, RemoteSession } from './longpoll-carry.ts'
import { readFrames } from './longpoll-frames.ts'
import type { Batch } from './longpoll-queue.ts'
import { type LongPollHost, LongPollSession, type PolledSession } from './longpoll-session.ts'
import { type SessionAddress, signToken, type TokenKey, verifyToken } from './longpoll-token.ts'
import type { LongPollOptions, Mount } from './mount.ts'
import type { Outbox } from './outbox.ts'
import { decodeParams } from './params.ts'
import { ownQueryOf, queryOf } from './request-source.ts'
import { logPolls, logRefusals, quietLogger } from './route-log.ts'
import { Turns } from './turns.ts'

/** What the long-poll routes of a mount work with. */
export type LongPollContext = {
  readonly endpoint: Endpoint
  readonly capacity: Capacity
  readonly routes: RouteFinder
  readonly outbox: Outbox
  readonly mount: Mount
  /** Signs the tokens of sessions. */
  readonly secret: string
}

type Context = Omit<LongPollContext, 'secret'> &
  LongPollHost & {
    readonly limits: Required<LongPollOptions>
    readonly key: TokenKey
    readonly carrier: Carrier
    readonly turns: Turns
    /** Requests whose answer waits for something else than a session, which ends when the server stops. */
    readonly undecided: Set<FastifyReply>
  }

/** What a body says; the HTTP status is 200 (LONGPOLL-2). */
type Answer = { readonly messages?: Batch['messages']; readonly status: number; readonly token?: string }

/** A session that a token names; on another node it may have gone. */
type Found = { readonly session: PolledSession; readonly address: SessionAddress }

/** A POST whose turn it is. */
type Posted = {
  readonly request: FastifyRequest
  readonly found: Found
  /** When it came. */
  readonly since: number
}

const FOUND = Symbol('phoenix.found')
type SessionRequest = FastifyRequest & { [FOUND]: Found | null }
/** The answer of the protocol; null if somebody else has answered. */
const ANSWER = Symbol('phoenix.answer')
type MarkedReply = FastifyReply & { [ANSWER]: Answer | null }

const TOKEN_HEADER = 'x-phoenix-longpoll-token'
/** A content type that Fastify can read; the client's own is for `readFrames`. */
const ANY_TYPE = { 'content-type': 'application/octet-stream' }
const STATUS_OF = { 'too large': 400, 'too slow': 408, aborted: 400 } as const satisfies Record<
  BodyProblem,
  number
>

const OTHER_METHODS = ['DELETE', 'HEAD', 'PATCH', 'PUT']

/** Serve the long-poll path of a mount, in a scope of its own (LONGPOLL-1). */
export async function longpoll(scope: FastifyInstance, given: LongPollContext): Promise<void> {
  const { secret, ...shared } = given
  const { endpoint, mount } = given
  const limits = mount.longpoll
  if (limits === null) return
  const url = mount.path + limits.path
  const key: TokenKey = { secret, url }
  // A secret that is too short is an error now, not at the first client.
  verifyToken(key, null)
  const sessions = new Map<string, LongPollSession>()
  const carrier = new Carrier(endpoint, url, limits)
  const turns = new Turns(limits.maxWaitingPosts)
  const undecided = new Set<FastifyReply>()
  const log = endpoint.logger
  const context: Context = { ...shared, limits, key, carrier, sessions, turns, undecided, log }
  ownSessions(endpoint.engine.nodes, url, sessions)
  scope.decorateRequest(FOUND, null)
  scope.decorateReply(ANSWER, null)
  scope.removeAllContentTypeParsers()
  // The body stays unread until it is its turn.
  scope.addContentTypeParser('*', (_request, body, done) => done(null, body))
  const quiet = quietLogger(scope.log)
  const guarded = new GuardedLogger(quiet)
  scope.setErrorHandler((error, _request, reply) => failed(error, reply, guarded))
  scope.addHook('onSend', emptyForeign)
  // By now the sessions have ended; what else is awaited may never come.
  scope.addHook('preClose', async () => {
    for (const reply of undecided) sendStopping(reply)
  })
  scope.addHook('onRequest', (request, reply) => begin(context, request, reply))
  if (quiet !== scope.log) {
    const isWritten = isLevelEnabled(quiet, 'warn')
    scope.setChildLoggerFactory((_logger, bindings) => (isWritten ? quiet.child(bindings) : quiet))
  }
  logRefusals(scope, mount)
  logPolls(scope, mount, shownAnswer)
  const route = { url } as const
  scope.route({
    ...route,
    ...given.routes.mark(scope.prefix + url),
    method: 'GET',
    exposeHeadRoute: false,
    handler: (request, reply) => get(context, request, reply),
  })
  scope.route({
    ...route,
    method: 'POST',
    // The requests of this scope have the decoration.
    onRequest: (request, reply) => beginPost(context, request as SessionRequest, reply),
    handler: (request, reply) => post(context, request as SessionRequest, reply),
  })
  scope.route({ ...route, method: 'OPTIONS', handler: options })
  scope.route({ ...route, method: OTHER_METHODS, onRequest: refuseMethod, handler: refuseMethod })
}

/** Whatever follows, pages of other origins may read it; which of them may connect is asked here. */
async function begin({ mount }: Context, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  reply.header('access-control-allow-origin', '*').header('cache-control', 'no-store')
  const rejection = checkOrigin(mount, request)
  if (rejection === null) return
  return rejection.status === 500 ? reply.code(500).send() : answer(reply, { status: rejection.status })
}

/** The client polls, or has no session yet. */
async function get(context: Context, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const token = tokenOf(request)
  const address = verifyToken(context.key, token)
  const found = find(context, address)
  // A client that hangs up while it waits takes no messages with it.
  const poll = { received: address?.received ?? 0, signal: hangUpSignal(reply) }
  const batch = (await found?.session.poll(poll)) ?? null
  if (found === null || batch === null) return open(context, reply, address !== null)
  onceWritten(reply, () => found.session.written(batch))
  const { messages } = batch
  const status = messages.length === 0 ? 204 : 200
  return answer(reply, { messages, status, token: nextToken(context, found, batch) ?? String(token) })
}

/** LONGPOLL-12: with what this node carried comes a token that says so: the owner does not see it written. */
function nextToken({ endpoint, key }: Context, { address }: Found, batch: Batch): string | null {
  if (address.nodeId === endpoint.nodeId || batch.messages.length === 0) return null
  return signToken(key, { ...address, received: batch.number })
}

/** Connect, and answer 410: to a new client its success, to one with a token that its session is gone. */
async function open(context: Context, reply: FastifyReply, isSigned: boolean): Promise<unknown> {
  const { endpoint, capacity, mount, key, undecided } = context
  const { request } = reply
  const header = request.headers['x-phoenix-authtoken']
  const authToken = mount.authToken && typeof header === 'string' ? header : null
  const query = TOKEN_HEADER in request.headers ? queryOf(request) : ownQueryOf(request, isSigned)
  undecided.add(reply)
  // The session outlives the connection.
  const address = new PeerAddress(request.ip)
  const admission = await admit({ endpoint, capacity, mount, request, address, authToken, query })
  undecided.delete(reply)
  if (reply.sent) return reply
  if (admission.handshake === null) {
    const { status, retryAfter } = admission
    if (status === 403) return answer(reply, { status })
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    return reply.code(status).send()
  }
  if (endpoint.isDraining) return sendStopping(reply)
  const sessionId = randomBytes(16).toString('base64url')
  const session = new LongPollSession(sessionId, context)
  session.attach(new Socket(endpoint, admission.handshake, session))
  const token = signToken(key, { nodeId: endpoint.nodeId, sessionId, received: 0 })
  return answer(reply, { messages: [], status: 410, token })
}

/** A POST without a session is answered before its body is read. */
async function beginPost(context: Context, request: SessionRequest, reply: FastifyReply): Promise<unknown> {
  const found = find(context, verifyToken(context.key, tokenOf(request)))
  if (found === null) return answer(reply, { status: 410 })
  const { maxBodyBytes } = context.limits
  if (Number(request.headers['content-length']) > maxBodyBytes) return refuseBody(reply, 'too large')
  request[FOUND] = found
  // Fastify reads no body without a type, of a type that is none, or over HTTP/2 of no length (LONGPOLL-6).
  request.headers = ANY_TYPE
}

/** The client sends frames, which are read after those of its POSTs that came before. */
async function post(context: Context, request: SessionRequest, reply: FastifyReply): Promise<unknown> {
  const { turns, undecided } = context
  const { [FOUND]: found } = request
  if (found === null) return answer(reply, { status: 410 })
  const { sessionId } = found.address
  if (turns.isFull(sessionId)) return reply.code(429).header('retry-after', RETRY_AFTER_SECONDS).send()
  const since = performance.now()
  undecided.add(reply)
  const isTurn = await turns.take(sessionId, hangUpSignal(reply))
  let outcome: number | BodyProblem = 'aborted'
  try {
    if (isTurn && !reply.sent) outcome = await handOver(context, { request, found, since })
  } finally {
    // Before the answer: nobody tells when one to a client that has hung up is written.
    if (isTurn) turns.release(sessionId)
    undecided.delete(reply)
  }
  // The server has stopped meanwhile.
  if (reply.sent) return reply
  return typeof outcome === 'number' ? answer(reply, { status: outcome }) : refuseBody(reply, outcome)
}

/** Read the frames and hand them over: the status of the answer, or why they could not be read. */
async function handOver(context: Context, { request, found, since }: Posted): Promise<number | BodyProblem> {
  const { endpoint, limits, sessions } = context
  const { nodeId, sessionId } = found.address
  // It may have ended by what it sent before.
  if (nodeId === endpoint.nodeId && !sessions.has(sessionId)) return 410
  // The parser of this scope gives the stream.
  const body = await readBody(request.body as Readable, limits)
  if (!Buffer.isBuffer(body)) return body
  const frames = readFrames(request.raw.headers['content-type'], body, limits.maxLines)
  const isDelivered = await found.session.deliver(frames, since)
  if (isDelivered === null) return 410
  return isDelivered ? 200 : 408
}

/** The rest of the body is not read. */
function refuseBody(reply: FastifyReply, problem: BodyProblem): FastifyReply {
  return abandonBody(reply).code(STATUS_OF[problem]).send()
}

/** A page of another origin asks what it may send. */
async function options(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const asked = request.headers['access-control-request-headers']
  if (asked !== undefined) reply.header('access-control-allow-headers', asked)
  return reply
    .header('access-control-allow-methods', 'get, post, options')
    .header('access-control-max-age', '3600')
    .send()
}

/** Clients take a JSON body for an answer of the protocol, so an error has none. */
function failed(error: unknown, reply: FastifyReply, logger: GuardedLogger): void {
  const status = statusOf(error)
  const isRefusal = typeof status === 'number' && status >= 400 && status < 500
  if (!isRefusal) {
    const line = { reqId: reply.request.id, err: error }
    logger.error(line, 'a long-poll request failed')
  }
  void reply.code(isRefusal ? status : 500).send()
}

/** Empty what a hook of the application answers: the official client would never poll again (LONGPOLL-2). */
function emptyForeign(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes,
): void {
  // The replies of this scope have the decoration.
  if ((reply as MarkedReply)[ANSWER] !== null) return done(null, payload)
  if (payload instanceof Readable) payload.destroy()
  for (const name of ['content-type', 'content-encoding', 'content-length']) reply.removeHeader(name)
  done(null, null)
}

/** A hook of the application may throw anything. */
function statusOf(error: unknown): unknown {
  try {
    return Object(error).statusCode
  } catch {
    return undefined
  }
}

function answer(reply: FastifyReply, body: Answer): FastifyReply {
  const marked = reply as MarkedReply
  marked[ANSWER] = body
  // As text, so that no serializer or hook of the application gives it another form.
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
}

/** How a request was answered, for the log; the messages themselves are the application's. */
function shownAnswer(reply: FastifyReply): object {
  // The replies of this scope have the decoration.
  const answered = (reply as MarkedReply)[ANSWER]
  if (answered === null) return { status: reply.statusCode }
  const { status, messages } = answered
  return { status, ...(messages !== undefined && { messages: messages.length }) }
}

/** In its header, or as the last `token` of the query, where the application may have one too. */
function tokenOf(request: FastifyRequest): unknown {
  return request.headers[TOKEN_HEADER] ?? decodeParams(queryOf(request))?.['token']
}

function find({ endpoint, sessions, carrier }: Context, address: SessionAddress | null): Found | null {
  if (address === null) return null
  if (address.nodeId !== endpoint.nodeId) return { session: new RemoteSession(carrier, address), address }
  const session = sessions.get(address.sessionId)
  return session === undefined ? null : { session, address }
}
