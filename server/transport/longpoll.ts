import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { DoneFuncWithErrOrRes, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { AUTH_TOKEN_HEADER } from '../socket/auth-token.ts'
import { PeerAddress } from '../socket/peer-address.ts'
import { Socket } from '../socket/socket.ts'
import { GuardedLogger } from '../telemetry/guarded-logger.ts'
import { isLevelEnabled } from '../telemetry/log-level.ts'
import type { RouteFinder } from '../upstream/route-finder.ts'
import { RETRY_AFTER_SECONDS } from '../upstream/upgrade-gate.ts'
import { type AdmitResult, admit, checkOrigin, refuseMethod, stillFits } from './admit.ts'
import type { Capacity } from './capacity.ts'
import { abandonBody, hangUpSignal, onceWritten, sendStopping } from './exchange.ts'
import { logFailedRequest } from './instrumentation.ts'
import { type BodyProblem, readBody } from './longpoll-body.ts'
import { Forwarder, ownSessions, RemoteSession } from './longpoll-forward.ts'
import { readFrames } from './longpoll-frames.ts'
import type { PollBatch } from './longpoll-queue.ts'
import { type LongPollHost, LongPollSession, type PolledSession } from './longpoll-session.ts'
import { type SessionAddress, signSessionToken, type TokenKey, verifySessionToken } from './longpoll-token.ts'
import type { LongPollOptions, Mount } from './mount.ts'
import type { Outbox } from './outbox.ts'
import { decodeParams } from './params.ts'
import { ownQueryOf, queryOf } from './request-source.ts'
import { logPolls, logRefusals, quietLogger } from './route-log.ts'
import { Turns } from './turns.ts'

// Problem: a client without WebSockets needs an ordered connection made of HTTP requests. In the official client's
// LongPoll transport, a GET asks for messages, and a POST sends frames. A response's JSON body contains the status.
//
// Approach: the first GET runs the handshake, creates a `LongPollSession` and answers with a signed token that names
// the session and its node. Later requests find the session by this token, on this node or on another node
// (`longpoll-forward.ts`). The POSTs of a session are handled one after another (`Turns`). The body of a POST stays
// unread until the earlier POSTs are handled.
//
// Invariant: the body of each answer is empty or is JSON of the protocol, even if a hook of the application sends
// another body. After any other JSON, the official client never polls again.

/** Objects that the long-poll routes of a mount use. */
export type LongPollContext = {
  readonly endpoint: EndpointServer
  readonly capacity: Capacity
  readonly routes: RouteFinder
  readonly outbox: Outbox
  readonly mount: Mount
  /** Secret that signs the tokens of sessions. */
  readonly secret: string
}

type Context = Omit<LongPollContext, 'secret'> &
  LongPollHost & {
    readonly limits: Required<LongPollOptions>
    readonly key: TokenKey
    readonly forwarder: Forwarder
    readonly turns: Turns
    /**
     * Unsent replies to GETs that wait for `connect`, and to POSTs that are not handled completely. When the server
     * stops, each of these requests is answered with 503.
     */
    readonly undecided: Set<FastifyReply>
  }

/** JSON body of a response with HTTP status 200. Clients read `status` instead of the HTTP status (LONGPOLL-2). */
type PollAnswer = {
  readonly messages?: PollBatch['messages']
  readonly status: number
  readonly token?: string
}

/** Session that a token names. A session on another node may be gone. */
type Found = { readonly session: PolledSession; readonly address: SessionAddress }

/** POST that is handled now, because the session's earlier POSTs are done. */
type Posted = {
  readonly request: FastifyRequest
  readonly found: Found
  /** Time at which the request arrived. */
  readonly since: number
}

const FOUND = Symbol('phoenix.found')
type SessionRequest = FastifyRequest & { [FOUND]: Found | null }
/** Property of a reply that holds the body sent by `sendAnswer`. The property is null for all other responses. */
const ANSWER = Symbol('phoenix.answer')
type MarkedReply = FastifyReply & { [ANSWER]: PollAnswer | null }

const TOKEN_HEADER = 'x-phoenix-longpoll-token'
/**
 * Headers that replace the headers of a POST, so that Fastify accepts every content type. `readFrames` still gets the
 * client's own content type.
 */
const ANY_TYPE = { 'content-type': 'application/octet-stream' }
const STATUS_OF = { 'too large': 400, 'too slow': 408, aborted: 400 } as const satisfies Record<
  BodyProblem,
  number
>

const OTHER_METHODS = ['DELETE', 'HEAD', 'PATCH', 'PUT']

/** Serve the long-poll path of a mount, in its own Fastify scope (LONGPOLL-1). */
export async function longpoll(scope: FastifyInstance, given: LongPollContext): Promise<void> {
  const { secret, ...shared } = given
  const { endpoint, mount } = given
  const limits = mount.longpoll
  if (limits === null) return
  const url = mount.path + limits.path
  const key: TokenKey = { secret, url }
  // Throws if the secret is too short. Check the secret now, not only when the first client connects.
  verifySessionToken(key, null)
  const sessions = new Map<string, LongPollSession>()
  const forwarder = new Forwarder(endpoint, url, limits)
  const turns = new Turns(limits.maxWaitingPosts)
  const undecided = new Set<FastifyReply>()
  const log = endpoint.logger
  const context: Context = { ...shared, limits, key, forwarder, sessions, turns, undecided, log }
  ownSessions(endpoint.engine.nodes, url, sessions)
  scope.decorateRequest(FOUND, null)
  scope.decorateReply(ANSWER, null)
  scope.removeAllContentTypeParsers()
  // Do not read the body here. `deliverBody` reads the body after the session's earlier POSTs have been handled.
  scope.addContentTypeParser('*', (_request, body, done) => {
    // If a hook has replaced the body with another stream, this stream may fail before it is read.
    body.on('error', () => {})
    done(null, body)
  })
  const quiet = quietLogger(scope.log)
  const guarded = new GuardedLogger(quiet)
  scope.setErrorHandler((error, _request, reply) => failed(error, reply, guarded))
  scope.addHook('onSend', emptyForeign)
  // The server is stopping. GETs that wait for `connect`, and POSTs that are not handled completely, might wait
  // forever. So answer these requests now.
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
    // The cast is safe: `decorateRequest` has added the property `FOUND` to all requests of this scope.
    onRequest: (request, reply) => beginPost(context, request as SessionRequest, reply),
    handler: (request, reply) => post(context, request as SessionRequest, reply),
  })
  scope.route({ ...route, method: 'OPTIONS', handler: answerPreflight })
  scope.route({ ...route, method: OTHER_METHODS, onRequest: refuseMethod, handler: refuseMethod })
}

/** Refuse a request whose origin is not allowed to connect. Pages of every origin can read the response. */
async function begin({ mount }: Context, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  reply.header('access-control-allow-origin', '*').header('cache-control', 'no-store')
  const rejection = checkOrigin(mount, request)
  if (rejection === null) return
  return rejection.status === 500 ? reply.code(500).send() : sendAnswer(reply, { status: rejection.status })
}

/** Answer a poll. If the client has no session, open one. */
async function get(context: Context, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const token = tokenOf(request)
  const address = verifySessionToken(context.key, token)
  const found = findSession(context, address)
  // If the client hangs up, the signal ends the poll, and the messages stay queued for the next poll.
  const poll = { received: address?.received ?? 0, signal: hangUpSignal(reply) }
  const batch = (await found?.session.poll(poll)) ?? null
  if (found === null || batch === null) return open(context, reply, address !== null, poll.signal)
  onceWritten(reply, () => {
    // If a hook failed, an empty 500 was written instead of the messages. The next poll gets them.
    if ((reply as MarkedReply)[ANSWER]?.messages === batch.messages) found.session.written(batch)
  })
  const { messages } = batch
  const status = messages.length === 0 ? 204 : 200
  return sendAnswer(reply, { messages, status, token: nextToken(context, found, batch) ?? String(token) })
}

/**
 * New token for a client whose session is on another node. The token contains the number of the batch. When the client
 * sends the token with its next poll, the session's node learns that the client has received the batch (LONGPOLL-12).
 * Returns null if the client can keep its token.
 */
function nextToken({ endpoint, key }: Context, { address }: Found, batch: PollBatch): string | null {
  if (address.nodeId === endpoint.nodeId || batch.messages.length === 0) return null
  return signSessionToken(key, { ...address, received: batch.number })
}

/**
 * Open a session, and answer 410 with the session's token. For a new client, 410 is the normal answer. A client that
 * has sent a valid token (`isSigned`) learns from the 410 that its previous session is lost.
 */
async function open(
  context: Context,
  reply: FastifyReply,
  isSigned: boolean,
  signal: AbortSignal,
): Promise<unknown> {
  const { endpoint, capacity, mount, key, undecided } = context
  const { request } = reply
  const header = request.headers[AUTH_TOKEN_HEADER]
  const authToken = mount.authToken && typeof header === 'string' ? header : null
  const query = TOKEN_HEADER in request.headers ? queryOf(request) : ownQueryOf(request, isSigned)
  // Read the IP address now, because the session outlives the TCP connection.
  const address = new PeerAddress(request.ip)
  undecided.add(reply)
  const asking = { endpoint, capacity, mount, request, address, authToken, query }
  let admission: AdmitResult
  try {
    admission = stillFits(asking, await admit(asking))
  } finally {
    undecided.delete(reply)
  }
  if (reply.sent || signal.aborted) return reply
  if (admission.handshake === null) {
    const { status, retryAfter } = admission
    if (status === 403) return sendAnswer(reply, { status })
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    return reply.code(status).send()
  }
  if (endpoint.isDraining) return sendStopping(reply)
  const sessionId = randomBytes(16).toString('base64url')
  const session = new LongPollSession(sessionId, context)
  session.attach(new Socket(endpoint, admission.handshake, session))
  const token = signSessionToken(key, { nodeId: endpoint.nodeId, sessionId, received: 0 })
  return sendAnswer(reply, { messages: [], status: 410, token })
}

/** Refuse a POST whose session does not exist, or whose body is too large, before the body is read. */
async function beginPost(context: Context, request: SessionRequest, reply: FastifyReply): Promise<unknown> {
  const found = findSession(context, verifySessionToken(context.key, tokenOf(request)))
  if (found === null) return sendAnswer(reply, { status: 410 })
  const { maxBodyBytes } = context.limits
  if (Number(request.headers['content-length']) > maxBodyBytes) return refuseBody(reply, 'too large')
  request[FOUND] = found
  // Replace the headers, so that Fastify accepts every body (LONGPOLL-6). Fastify would refuse a body with a malformed
  // content type, and would ignore a body that has neither a content type nor a length (possible over HTTP/2).
  request.headers = ANY_TYPE
}

/** Deliver the frames of a POST, after the frames of the session's earlier POSTs. */
async function post(context: Context, request: SessionRequest, reply: FastifyReply): Promise<unknown> {
  const { turns, undecided } = context
  const { [FOUND]: found } = request
  if (found === null) return sendAnswer(reply, { status: 410 })
  const { sessionId } = found.address
  if (turns.isFull(sessionId)) return reply.code(429).header('retry-after', RETRY_AFTER_SECONDS).send()
  const since = performance.now()
  undecided.add(reply)
  const isTurn = await turns.take(sessionId, hangUpSignal(reply))
  let outcome: number | BodyProblem = 'aborted'
  try {
    if (isTurn && !reply.sent) outcome = await deliverBody(context, { request, found, since })
  } finally {
    // Let the session's next POST continue now. If the client has already hung up, waiting for the end of the response
    // would block the session's later POSTs forever.
    if (isTurn) turns.release(sessionId)
    undecided.delete(reply)
  }
  // If the server has begun to stop meanwhile, the `preClose` hook has already answered the request.
  if (reply.sent) return reply
  return typeof outcome === 'number' ? sendAnswer(reply, { status: outcome }) : refuseBody(reply, outcome)
}

/** Read the frames and deliver them. Returns the status of the answer, or the reason why the body could not be read. */
async function deliverBody(
  context: Context,
  { request, found, since }: Posted,
): Promise<number | BodyProblem> {
  const { endpoint, limits, sessions } = context
  const { nodeId, sessionId } = found.address
  // An earlier POST may have ended the session.
  if (nodeId === endpoint.nodeId && !sessions.has(sessionId)) return 410
  // The cast is safe: the content type parser of this scope passes the body as a stream.
  const body = await readBody(request.body as Readable, limits)
  if (!Buffer.isBuffer(body)) return body
  const frames = readFrames(request.raw.headers['content-type'], body, limits.maxLines)
  const isDelivered = await found.session.deliver(frames, since)
  if (isDelivered === null) return 410
  return isDelivered ? 200 : 408
}

/** Refuse a body without reading the rest of it. */
function refuseBody(reply: FastifyReply, problem: BodyProblem): FastifyReply {
  return abandonBody(reply).code(STATUS_OF[problem]).send()
}

async function answerPreflight(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const asked = request.headers['access-control-request-headers']
  if (asked !== undefined) reply.header('access-control-allow-headers', asked)
  return reply
    .header('access-control-allow-methods', 'get, post, options')
    .header('access-control-max-age', '3600')
    .send()
}

/** Answer an error with an empty body, because clients treat any JSON body as an answer of the protocol. */
function failed(error: unknown, reply: FastifyReply, logger: GuardedLogger): void {
  const status = statusOf(error)
  ;(reply as MarkedReply)[ANSWER] = null
  const isRefusal = typeof status === 'number' && status >= 400 && status < 500
  if (!isRefusal) logFailedRequest(reply.request, error, logger)
  void reply.code(isRefusal ? status : 500).send()
}

/**
 * Remove the body of a response that a hook of the application has sent. If the body were JSON that is not a
 * `PollAnswer`, the official client would stop polling for good (LONGPOLL-2).
 */
function emptyForeign(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes,
): void {
  // The cast is safe: `decorateReply` has added the property `ANSWER` to all replies of this scope.
  if ((reply as MarkedReply)[ANSWER] !== null) return done(null, payload)
  if (payload instanceof Readable) payload.destroy()
  for (const name of ['content-type', 'content-encoding', 'content-length']) reply.removeHeader(name)
  done(null, null)
}

/** Status code of a thrown value. A hook of the application may throw anything. */
function statusOf(error: unknown): unknown {
  try {
    return Object(error).statusCode
  } catch {
    return undefined
  }
}

function sendAnswer(reply: FastifyReply, body: PollAnswer): FastifyReply {
  const marked = reply as MarkedReply
  marked[ANSWER] = body
  // Send a string. The application's `preSerialization` hooks and `setReplySerializer` could change an object.
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
}

/** Log fields for the answer to a request: the status, and the number of messages (not their content). */
function shownAnswer(reply: FastifyReply): object {
  // The cast is safe: `decorateReply` has added the property `ANSWER` to all replies of this scope.
  const answered = (reply as MarkedReply)[ANSWER]
  if (answered === null) return { status: reply.statusCode }
  const { status, messages } = answered
  return { status, ...(messages !== undefined && { messages: messages.length }) }
}

/**
 * Token of a request: the header's value or, without the header, the last `token` of the query. An earlier `token` of
 * the query may be a param of the application.
 */
function tokenOf(request: FastifyRequest): unknown {
  return request.headers[TOKEN_HEADER] ?? decodeParams(queryOf(request))?.['token']
}

function findSession(
  { endpoint, sessions, forwarder }: Context,
  address: SessionAddress | null,
): Found | null {
  if (address === null) return null
  if (address.nodeId !== endpoint.nodeId) return { session: new RemoteSession(forwarder, address), address }
  const session = sessions.get(address.sessionId)
  return session === undefined ? null : { session, address }
}
