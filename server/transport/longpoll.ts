import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Endpoint } from '../endpoint.ts'
import { Socket } from '../socket/socket.ts'
import { admit, checkOrigin, refuseMethod } from './admit.ts'
import type { Capacity } from './capacity.ts'
import { Carrier, ownSessions, RemoteSession } from './longpoll-carry.ts'
import { readFrames } from './longpoll-frames.ts'
import type { Batch } from './longpoll-queue.ts'
import { type LongPollHost, LongPollSession, type PolledSession } from './longpoll-session.ts'
import { type SessionAddress, signToken, type TokenKey, verifyToken } from './longpoll-token.ts'
import type { LongPollOptions, Mount } from './mount.ts'
import type { Outbox } from './outbox.ts'
import { decodeParams } from './params.ts'
import { ownQueryOf, queryOf } from './request-source.ts'
import type { RouteFinder } from './route-finder.ts'
import { RETRY_AFTER_SECONDS, type UpgradeGate } from './upgrade-gate.ts'

/** What the long-poll routes of a mount work with. */
export type LongPollContext = {
  readonly endpoint: Endpoint
  readonly capacity: Capacity
  readonly gate: UpgradeGate
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
  }

/** What a body says; the HTTP status is 200 (LONGPOLL-2). */
type Answer = { readonly messages?: Batch['messages']; readonly status: number; readonly token?: string }

/** A session that a token names; on another node it may have gone. */
type Found = { readonly session: PolledSession; readonly address: SessionAddress }

const SESSION = Symbol('phoenix.session')
type SessionRequest = FastifyRequest & { [SESSION]: PolledSession | null }

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
  const context: Context = { ...shared, limits, key, carrier, sessions, log: endpoint.logger }
  ownSessions(endpoint.engine.nodes, url, sessions)
  scope.decorateRequest(SESSION, null)
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  scope.setErrorHandler(failed)
  scope.addHook('onRequest', (request, reply) => begin(context, request, reply))
  // A line in the log for every poll of every client would be all that there is to see.
  const route = { url, logLevel: 'warn' } as const
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
    bodyLimit: limits.maxBodyBytes,
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
  const found = find(context, token)
  // A client that hangs up while it waits takes no messages with it.
  const hungUp = new AbortController()
  reply.raw.once('close', () => hungUp.abort())
  const poll = { received: found?.address.received ?? 0, signal: hungUp.signal }
  const batch = (await found?.session.poll(poll)) ?? null
  if (found === null || batch === null) return open(context, request, reply)
  reply.raw.once('finish', () => {
    // Node says so of a connection that has broken, too.
    if (!request.raw.socket.destroyed) found.session.written(batch)
  })
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
async function open(context: Context, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { endpoint, capacity, gate, mount, key } = context
  const header = request.headers['x-phoenix-authtoken']
  const authToken = mount.authToken && typeof header === 'string' ? header : null
  const asking = { endpoint, capacity, mount, request, authToken, query: ownQueryOf(request) }
  const admission = await gate.during(request.raw.socket, admit(asking))
  if (admission.handshake === null) {
    const { status, retryAfter } = admission
    if (status === 403) return answer(reply, { status })
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    return reply.code(status).send()
  }
  if (endpoint.isDraining) {
    return reply.code(503).header('retry-after', RETRY_AFTER_SECONDS).header('connection', 'close').send()
  }
  const sessionId = randomBytes(16).toString('base64url')
  const session = new LongPollSession(sessionId, context)
  session.attach(new Socket(endpoint, admission.handshake, session))
  const token = signToken(key, { nodeId: endpoint.nodeId, sessionId, received: 0 })
  return answer(reply, { messages: [], status: 410, token })
}

/** A POST without a session is answered before its body is read. */
async function beginPost(context: Context, request: SessionRequest, reply: FastifyReply): Promise<unknown> {
  request[SESSION] = find(context, tokenOf(request))?.session ?? null
  if (request[SESSION] === null) return answer(reply, { status: 410 })
}

/** The client sends frames; it is answered when they have been handed over. */
async function post({ limits }: Context, request: SessionRequest, reply: FastifyReply): Promise<unknown> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const frames = readFrames(request.headers['content-type'], body, limits.maxLines)
  const isDelivered = (await request[SESSION]?.deliver(frames)) ?? null
  if (isDelivered === null) return answer(reply, { status: 410 })
  return answer(reply, { status: isDelivered ? 200 : 408 })
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
function failed(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const status = statusOf(error)
  const isBadRequest = typeof status === 'number' && status >= 400 && status < 500
  if (!isBadRequest) {
    const line = { reqId: request.id, err: error }
    request.server.endpoint.logger.error(line, 'a long-poll request failed')
  }
  void reply.code(isBadRequest ? 400 : 500).send()
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
  // As text, so that no serializer or hook of the application gives it another form.
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body))
}

/** In its header, or as the last `token` of the query, where the application may have one too. */
function tokenOf(request: FastifyRequest): unknown {
  return request.headers['x-phoenix-longpoll-token'] ?? decodeParams(queryOf(request))?.['token']
}

function find({ endpoint, key, sessions, carrier }: Context, token: unknown): Found | null {
  const address = verifyToken(key, token)
  if (address === null) return null
  if (address.nodeId !== endpoint.nodeId) return { session: new RemoteSession(carrier, address), address }
  const session = sessions.get(address.sessionId)
  return session === undefined ? null : { session, address }
}
