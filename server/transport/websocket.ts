import websocketPlugin from '@fastify/websocket'
import type {
  DoneFuncWithErrOrRes,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  HookHandlerDoneFunction,
} from 'fastify'
import type { WebSocket } from 'ws'
import { CLOSE_SERVICE_RESTART, CLOSE_TRY_AGAIN_LATER } from '../../protocol/index.ts'
import type { EndpointServer } from '../endpoint/endpoint.ts'
import { CallbackError, UsageError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import { selectSubprotocol, takeAuthToken } from '../socket/auth-token.ts'
import type { Handshake } from '../socket/connect.ts'
import { PeerAddress } from '../socket/peer-address.ts'
import { Socket } from '../socket/socket.ts'
import type { RouteFinder } from '../upstream/route-finder.ts'
import { CLOSE_TIMEOUT_MS, type UpgradeGate } from '../upstream/upgrade-gate.ts'
import { checkWsVersion } from '../upstream/ws-version.ts'
import { type AdmitResult, admit, checkOrigin, type Rejection, refuseMethod, stillFits } from './admit.ts'
import type { Capacity } from './capacity.ts'
import { CloseQueue } from './close-queue.ts'
import { publishRefused } from './instrumentation.ts'
import type { Mount, RefusalResponse } from './mount.ts'
import type { Outbox } from './outbox.ts'
import { readRefusal } from './refusal.ts'
import { queryOf } from './request-source.ts'
import { logRefusals, quietLogger } from './route-log.ts'
import { type WebSocketLimits, WebSocketTransport } from './websocket-transport.ts'
import { noteRefusal } from './ws-refusal.ts'

// Problem: the steps of a handshake must run in Phoenix's order, and each step can refuse the client. However,
// `@fastify/websocket` upgrades each request that reaches its handler.
//
// Approach: `UpgradeGate` passes only the upgrades of this mount to `@fastify/websocket`. A `preValidation` hook runs
// the whole handshake. If the client is refused with an HTTP status, the hook sends the response, and no WebSocket is
// created. If the client is accepted, or is refused with a WebSocket close code, the hook stores this result on the
// request (`ADMITTED`), and the request is upgraded. After the upgrade of an accepted client, a `WebSocketTransport`
// connects the WebSocket with a `Socket`, and the request and its response are released.
//
// Invariant: if an upgraded request has no stored result, its WebSocket is terminated at once.

/** Objects that the WebSocket route of a mount uses. */
export type WebSocketContext = {
  readonly endpoint: EndpointServer
  readonly capacity: Capacity
  readonly gate: UpgradeGate
  readonly routes: RouteFinder
  readonly outbox: Outbox
  readonly mount: Mount
}

type UpgradedContext = WebSocketContext & {
  readonly limits: WebSocketLimits
  readonly closeQueue: CloseQueue
}

/** Result of a handshake, stored on the request until the upgrade. */
type Admitted = { readonly reply: FastifyReply } & ({ readonly handshake: Handshake } | CloseAtOnce)
/** Close code for a refused client that is upgraded only to receive this code (CONNECT-5). */
type CloseAtOnce = { readonly close: number; readonly reason?: string }
const ADMITTED = Symbol('phoenix.admitted')
type UpgradeRequest = FastifyRequest & { [ADMITTED]: Admitted | null }
/** Upgrade request whose Fastify hooks are still running. Calling `done` continues with the next hook. */
type PendingUpgrade = {
  readonly request: UpgradeRequest
  readonly reply: FastifyReply
  readonly done: HookHandlerDoneFunction
}

/** `ws` destroys a connection whose client does not answer a close frame within this time. Default of `ws`: 30 s. */
const CLOSE_TIMEOUT = { closeTimeout: CLOSE_TIMEOUT_MS }

const OTHER_METHODS = ['DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
/**
 * Placeholder content type, which is removed before sending. Without this placeholder, Fastify would add a content type
 * to each answer that is a string (HANDSHAKE-2).
 */
const UNTYPED = 'application/x-untyped'
const PROTOCOL_HEADER = 'sec-websocket-protocol'

/** Serve the WebSocket path of a mount, in a scope of its own (HANDSHAKE-1). */
export async function websocket(scope: FastifyInstance, context: WebSocketContext): Promise<void> {
  const options = context.mount.websocket
  if (options === null) return
  if (scope.hasDecorator('websocketServer')) {
    throw new UsageError(
      'PHX_ERR_PLUGIN_ORDER',
      '@fastify/websocket is already registered; register fastify-phoenix before it',
    )
  }
  const url = context.mount.path + options.path
  const path = scope.prefix + url
  destroyUnroutable(scope)
  await scope.register(websocketPlugin, {
    options: {
      // Pass an event emitter of `UpgradeGate` instead of an HTTP server. The plugin uses `server` only to listen for
      // `upgrade`, and this emitter emits only the upgrades of this mount.
      server: context.gate.mount(path) as never,
      ...messageLimits(options.maxFrameSize),
      perMessageDeflate: options.compress,
      clientTracking: false,
      // The types of `ws` lack the option `closeTimeout`.
      ...CLOSE_TIMEOUT,
    },
    // Replace the plugin's own `preClose`, which would close all clients without a code (CLOSE-2).
    preClose: (done) => done(),
  })
  checkWsVersion(scope.websocketServer.options)
  const connected = { ...context, limits: options, closeQueue: new CloseQueue(context.gate.admission) }
  scope.decorateRequest(ADMITTED, null)
  // All requests share one logger. A child logger per request is useless, because connections log through the endpoint.
  const quiet = quietLogger(scope.log)
  if (quiet !== scope.log) scope.setChildLoggerFactory(() => quiet)
  logRefusals(scope, context.mount)
  scope.route({
    ...context.routes.mark(path),
    method: 'GET',
    url,
    exposeHeadRoute: false,
    // The cast is safe: `decorateRequest` has added the property `ADMITTED` to all requests of this scope.
    preValidation: (request, reply, done) =>
      askToUpgrade(context, { request: request as UpgradeRequest, reply, done }),
    onSend: removeUntyped,
    handler: (_request, reply) => reply.code(400).send(),
    wsHandler: (ws, request) => upgraded(connected, ws, request as UpgradeRequest),
  })
  scope.route({ method: OTHER_METHODS, url, onRequest: refuseMethod, handler: refuseMethod })
}

/**
 * Limits on an incomplete message (CLOSE-1). Fragments and chunks (reads from the TCP socket) are also limited in
 * number, because even a fragment or chunk of a few bytes occupies 2 kB or more.
 */
function messageLimits(maxFrameSize: number) {
  return {
    maxPayload: maxFrameSize,
    maxFragments: Math.max(64, Math.ceil(maxFrameSize / 4_096)),
    maxBufferedChunks: Math.max(1_024, Math.ceil(maxFrameSize / 512)),
  }
}

/**
 * Destroy the connection when routing throws, because `@fastify/websocket` only logs the error and leaves the
 * connection open.
 */
function destroyUnroutable(scope: FastifyInstance): void {
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

/**
 * Run the handshake in this order: origin, sub-protocol, upgrade headers, limits, params, `vsn`, `connect`
 * (HANDSHAKE-3).
 */
function askToUpgrade(context: WebSocketContext, upgrade: PendingUpgrade): void {
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
    publishRefused(mount, request, 'upgrade')
    return void reply.code(400).type(UNTYPED).send(problem)
  }
  const query = queryOf(request)
  // `connectInfo` shows the offered sub-protocols without the token (AUTH-8).
  if (offer.token !== null) offerProtocols(request, offer.protocols.join(', '))
  const address = peerAddressOf(request)
  const given = { endpoint, capacity, mount, request, address, query, authToken: offer.token, offered }
  const result = admit(given)
  // Leave only the chosen sub-protocol in the header. From the original header, `ws` would choose a sub-protocol
  // itself, and it would refuse the request if the header contains an auth token with "/" or "=".
  offerProtocols(request, chosen ?? '')
  if (!isPromise(result)) return upgradeOrRefuse(context, upgrade, result)
  void result.then((later) => upgradeOrRefuse(context, upgrade, stillFits(given, later))).catch(upgrade.done)
}

/**
 * Address of a client. With `trustProxy`, the address is read now, because it can come from headers, which are not kept
 * after the upgrade.
 */
function peerAddressOf(request: UpgradeRequest): PeerAddress {
  // Requests have `ips` only with `trustProxy`.
  return new PeerAddress('ips' in request ? request.ip : request.raw.socket)
}

/** Replace the sub-protocols that the request offers; the empty string removes them. */
function offerProtocols({ raw: { headers } }: UpgradeRequest, protocols: string): void {
  if (protocols !== '') headers[PROTOCOL_HEADER] = protocols
  // Check before `delete`: most clients offer no sub-protocol, and `delete` is slow even for a missing key.
  else if (headers[PROTOCOL_HEADER] !== undefined) delete headers[PROTOCOL_HEADER]
}

/** Continue to the upgrade, or answer the request with a refusal. */
function upgradeOrRefuse(
  { endpoint, mount }: WebSocketContext,
  upgrade: PendingUpgrade,
  result: AdmitResult,
): void {
  const { request, reply, done } = upgrade
  if (result.handshake !== null) {
    request[ADMITTED] = { handshake: result.handshake, reply }
    return done()
  }
  const response = responseTo(result, { endpoint, mount })
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

/** Answer 403, because no offered sub-protocol is accepted, or the auth token sent as sub-protocol is malformed. */
function refuseSubprotocol(mount: Mount, request: UpgradeRequest, reply: FastifyReply): FastifyReply {
  publishRefused(mount, request, 'subprotocol')
  return reply.code(403).send()
}

/**
 * Response to a refused client. If `connect` refused the client, the mount's `refuse` chooses the response. If `refuse`
 * fails, the response is an empty 403.
 */
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

/** Create the transport and the socket of an upgraded connection. */
function upgraded(
  { endpoint, capacity, gate, outbox, mount, limits, closeQueue }: UpgradedContext,
  ws: WebSocket,
  request: UpgradeRequest,
): void {
  const admitted = request[ADMITTED]
  const net = request.raw.socket
  if (admitted === null) return ws.terminate()
  // Release the request now, not at the end of the connection. The TCP socket refers to the response, and the plugin's
  // error listener refers to the request and the reply.
  admitted.reply.raw.detachSocket(net)
  ws.removeAllListeners('error')
  ws.on('error', noteRefusal)
  gate.upgraded(net)
  closeQueue.add(net)
  if ('close' in admitted) return ws.close(admitted.close, admitted.reason)
  // A hook of the application may have run since the limits were checked.
  const { address } = admitted.handshake
  const { handshake } = stillFits({ capacity, mount, request, address }, admitted)
  if (handshake === null) return ws.close(CLOSE_TRY_AGAIN_LATER)
  const transport = new WebSocketTransport(ws, net, outbox, limits)
  const socket = new Socket(endpoint, handshake, transport)
  transport.attach(socket)
  if (endpoint.isDraining) socket.close(CLOSE_SERVICE_RESTART, 'draining')
}

/** Reason why a request is not a valid WebSocket upgrade; null if it is valid (RFC 6455, 4.2.1). */
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
