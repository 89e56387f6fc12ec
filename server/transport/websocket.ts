import websocketPlugin from '@fastify/websocket'
import type {
  DoneFuncWithErrOrRes,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
} from 'fastify'
import type { WebSocket } from 'ws'
import { CLOSE_SERVICE_RESTART } from '../../protocol/index.ts'
import type { Endpoint } from '../endpoint/endpoint.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import { selectSubprotocol, takeAuthToken } from '../socket/auth-token.ts'
import type { Handshake } from '../socket/connect.ts'
import { PeerAddress } from '../socket/peer-address.ts'
import { Socket } from '../socket/socket.ts'
import type { RouteFinder } from '../upstream/route-finder.ts'
import { CLOSE_TIMEOUT_MS, type UpgradeGate } from '../upstream/upgrade-gate.ts'
import { checkWsVersion } from '../upstream/ws-version.ts'
import { type Admission, admit, checkOrigin, type Rejection, refuseMethod } from './admit.ts'
import type { Capacity } from './capacity.ts'
import { followDeparture } from './departures.ts'
import type { Mount, RefusalResponse } from './mount.ts'
import { tellRefused } from './observed.ts'
import type { Outbox } from './outbox.ts'
import { readRefusal } from './refusal.ts'
import { queryOf } from './request-source.ts'
import { logRefusals, quietLogger } from './route-log.ts'
import { type WebSocketLimits, WebSocketTransport } from './websocket-transport.ts'
import { noteRefusal } from './ws-refusal.ts'

/** What the WebSocket route of a mount works with. */
export type WebSocketContext = {
  readonly endpoint: Endpoint
  readonly capacity: Capacity
  readonly gate: UpgradeGate
  readonly routes: RouteFinder
  readonly outbox: Outbox
  readonly mount: Mount
}

/** A request that may be upgraded, and the reply that must let go of its socket then. */
type Admitted = { readonly reply: FastifyReply } & ({ readonly handshake: Handshake } | CloseAtOnce)
/** The client is let in only to be told why it may not come in (CONNECT-5). */
type CloseAtOnce = { readonly close: number; readonly reason?: string }
const ADMITTED = Symbol('phoenix.admitted')
type UpgradeRequest = FastifyRequest & { [ADMITTED]: Admitted | null }
/** An upgrade on its way through Fastify's hooks. */
type Upgrade = {
  readonly request: UpgradeRequest
  readonly reply: FastifyReply
  readonly done: HookHandlerDoneFunction
}

/** A client that does not answer a close is cut off after this time; `ws` would wait 30 s. */
const CLOSE_TIMEOUT = { closeTimeout: CLOSE_TIMEOUT_MS }

const OTHER_METHODS = ['DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
/** Fastify gives every text a content type; this one is taken away again (HANDSHAKE-2). */
const UNTYPED = 'application/x-untyped'
const PROTOCOL_HEADER = 'sec-websocket-protocol'

/** Serve the WebSocket path of a mount, in a scope of its own (HANDSHAKE-1). */
export async function websocket(scope: FastifyInstance, context: WebSocketContext): Promise<void> {
  const options = context.mount.websocket
  if (options === null) return
  if (scope.hasDecorator('websocketServer')) {
    throw new UsageError(
      'PHX_ERR_PLUGIN_ORDER',
      'register fastify-phoenix before @fastify/websocket, which is registered already',
    )
  }
  const url = context.mount.path + options.path
  const path = scope.prefix + url
  endWhatCannotBeRouted(scope)
  await scope.register(websocketPlugin, {
    options: {
      // It only listens for `upgrade` on its "server": so the gate decides what reaches it.
      server: context.gate.mount(path) as never,
      ...messageLimits(options.maxFrameSize),
      perMessageDeflate: options.compress,
      clientTracking: false,
      // Its types do not know this one yet.
      ...CLOSE_TIMEOUT,
    },
    // Its own would close every client without a code before we could (CLOSE-2).
    preClose: (done) => done(),
  })
  checkWsVersion(scope.websocketServer.options)
  scope.decorateRequest(ADMITTED, null)
  // A connection outlives its request by far and logs through the endpoint: it needs no logger of its own.
  const quiet = quietLogger(scope.log)
  if (quiet !== scope.log) scope.setChildLoggerFactory(() => quiet)
  logRefusals(scope, context.mount)
  scope.route({
    ...context.routes.mark(path),
    method: 'GET',
    url,
    exposeHeadRoute: false,
    // The hook and the handlers below are of a scope whose requests have the decoration.
    preValidation: (request, reply, done) =>
      askToUpgrade(context, { request: request as UpgradeRequest, reply, done }),
    onSend: removeUntyped,
    handler: (_request, reply) => reply.code(400).send(),
    wsHandler: (ws, request) => upgraded(context, options, ws, request as UpgradeRequest),
  })
  scope.route({ method: OTHER_METHODS, url, onRequest: refuseMethod, handler: refuseMethod })
}

/**
 * Small pieces cost far more memory than their bytes until their message is complete: each read about 2 kB,
 * and each fragment as much as was read together with it, up to 64 kB (CLOSE-1).
 */
function messageLimits(maxFrameSize: number) {
  return {
    maxPayload: maxFrameSize,
    maxFragments: Math.max(64, Math.ceil(maxFrameSize / 4_096)),
    maxBufferedChunks: Math.max(1_024, Math.ceil(maxFrameSize / 512)),
  }
}

/** `@fastify/websocket` only logs what is thrown here, and nobody would own the connection. */
function endWhatCannotBeRouted(scope: FastifyInstance): void {
  const { routing } = scope
  scope.routing = (request, response) => {
    try {
      routing(request, response)
    } catch (error) {
      request.socket.destroy()
      throw error
    }
  }
}

/** The handshake, in Phoenix's order: origin, sub-protocol, upgrade, version, connect (HANDSHAKE-3). */
function askToUpgrade(context: WebSocketContext, upgrade: Upgrade): void {
  const { endpoint, capacity, mount } = context
  const { request, reply } = upgrade
  const rejection = checkOrigin(mount, request)
  if (rejection !== null) return void reply.code(rejection.status).send()
  const offered = request.headers[PROTOCOL_HEADER]
  const offer = mount.authToken ? takeAuthToken(offered) : { token: null, protocols: splitList(offered) }
  if (offer === null) return void refuseSubprotocol(mount, request, reply)
  const chosen = selectSubprotocol(offer.protocols, mount.websocket?.subprotocols ?? null)
  if (chosen === undefined) return void refuseSubprotocol(mount, request, reply)
  const problem = upgradeProblem(request)
  if (problem !== null) {
    tellRefused(mount, request, 'upgrade')
    return void reply.code(400).type(UNTYPED).send(problem)
  }
  const query = queryOf(request)
  // `connectInfo` shows the offer as it came, but not the token in it (AUTH-8).
  if (offer.token !== null) offerProtocols(request, offer.protocols.join(', '))
  const address = addressOf(request)
  const admission = admit({ endpoint, capacity, mount, request, address, query, authToken: offer.token })
  // `ws` would answer 400 to a token with "/" or "=", and choose a protocol where we choose none.
  offerProtocols(request, chosen ?? '')
  if (!isPromise(admission)) return decided(context, upgrade, admission)
  void admission.then((admitted) => decided(context, upgrade, admitted)).catch(upgrade.done)
}

/** Where proxies are trusted, headers may have the address, and the connection does not keep them. */
function addressOf(request: UpgradeRequest): PeerAddress {
  // Requests have this property only then.
  return new PeerAddress('ips' in request ? request.ip : request.raw.socket)
}

/** Have the request offer these sub-protocols, or none. */
function offerProtocols({ raw: { headers } }: UpgradeRequest, protocols: string): void {
  if (protocols !== '') headers[PROTOCOL_HEADER] = protocols
  // Most clients offer none, and `delete` is slow even then.
  else if (headers[PROTOCOL_HEADER] !== undefined) delete headers[PROTOCOL_HEADER]
}

/** Go on to the upgrade, or refuse it. */
function decided({ endpoint, mount }: WebSocketContext, upgrade: Upgrade, admission: Admission): void {
  const { request, reply, done } = upgrade
  if (admission.handshake !== null) {
    request[ADMITTED] = { handshake: admission.handshake, reply }
    return done()
  }
  const response = responseTo(admission, { endpoint, mount })
  if (!('close' in response)) {
    const headers = { ...response.headers }
    return void reply.code(response.status).headers(headers).send(response.body)
  }
  request[ADMITTED] = { ...response, reply }
  done()
}

function removeUntyped(
  _request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: DoneFuncWithErrOrRes,
): void {
  if (reply.getHeader('content-type') === UNTYPED) reply.removeHeader('content-type')
  done(null, payload)
}

/** None of the client's sub-protocols fits, or the token among them is none. */
function refuseSubprotocol(mount: Mount, request: UpgradeRequest, reply: FastifyReply): FastifyReply {
  tellRefused(mount, request, 'subprotocol')
  return reply.code(403).send()
}

/** The mount chooses how to answer a client that its socket refused; its own failure is a plain 403. */
function responseTo(
  { status, refusal, retryAfter }: Rejection,
  { endpoint, mount }: Pick<WebSocketContext, 'endpoint' | 'mount'>,
): RefusalResponse {
  if (retryAfter !== undefined) return { status, headers: { 'retry-after': String(retryAfter) } }
  if (refusal === null) return { status }
  try {
    return readRefusal(mount.refuse(refusal.reason, refusal.info))
  } catch (cause) {
    endpoint.report(new CallbackError(mount.path, 'refuse', cause))
    return { status }
  }
}

/** The connection is a WebSocket now: put a socket on it. */
function upgraded(
  { endpoint, gate, outbox }: WebSocketContext,
  limits: WebSocketLimits,
  ws: WebSocket,
  request: UpgradeRequest,
): void {
  const admitted = request[ADMITTED]
  const net = request.raw.socket
  if (admitted === null) return ws.terminate()
  // What belongs to the upgrade request goes now, not with the connection: the response, which the
  // socket would hold, and the plugin's error listener, which holds the request and the reply.
  admitted.reply.raw.detachSocket(net)
  ws.removeAllListeners('error')
  ws.on('error', noteRefusal)
  gate.upgraded(net)
  followDeparture(net, gate.admission)
  if ('close' in admitted) return ws.close(admitted.close, admitted.reason)
  const transport = new WebSocketTransport(ws, net, outbox, limits)
  const socket = new Socket(endpoint, admitted.handshake, transport)
  transport.attach(socket)
  if (endpoint.isDraining) socket.close(CLOSE_SERVICE_RESTART, 'draining')
}

/** What keeps a request from being a WebSocket upgrade, in words; null if nothing does (RFC 6455, 4.2.1). */
function upgradeProblem({ headers }: UpgradeRequest): string | null {
  if (!includesToken(headers.connection, 'upgrade')) return "'connection' header must contain 'upgrade'"
  if (!includesToken(headers.upgrade, 'websocket')) return "'upgrade' header must contain 'websocket'"
  if (headers['sec-websocket-key'] === undefined) return "'sec-websocket-key' header is missing"
  if (headers['sec-websocket-version'] !== '13') return "'sec-websocket-version' header must be '13'"
  return null
}

function includesToken(header: string | undefined, token: string): boolean {
  const lowerCase = header?.toLowerCase()
  return lowerCase === token || splitList(lowerCase).includes(token)
}

function splitList(header: string | undefined): string[] {
  if (header === undefined) return []
  return header
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
