import type { FastifyReply, FastifyRequest } from 'fastify'
import { OVERLOADED, RATE_LIMITED } from '../../protocol/index.ts'
import { type EndpointServer, serverOf } from '../endpoint/endpoint.ts'
import { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import { AUTH_TOKEN_HEADER, offersAuthToken } from '../socket/auth-token.ts'
import { connect, type Handshake, type Refusal } from '../socket/connect.ts'
import { type ConnectInfo, connectInfo } from '../socket/connect-info.ts'
import type { PeerAddress } from '../socket/peer-address.ts'
import type { Capacity, Excess } from './capacity.ts'
import { isConnectObserved, observeConnect, publishRefused } from './instrumentation.ts'
import type { Mount } from './mount.ts'
import { decodeParams } from './params.ts'
import { RequestSource, uriOf } from './request-source.ts'

/** Reason why a request is not admitted. Each transport sends the reason in its own form. */
export type Rejection = {
  readonly handshake: null
  /** 400: malformed query. 429 and 503: a limit is reached. 500: a callback crashed. 403: anything else. */
  readonly status: 400 | 403 | 429 | 500 | 503
  /** Error that `connect` returned; null if the request was rejected for another reason. */
  readonly refusal: { readonly reason: unknown; readonly info: ConnectInfo } | null
  /** Seconds until a retry makes sense, for 429 and 503. */
  readonly retryAfter?: number
}
/** Result of {@link admit}: an accepted handshake or a rejection. */
export type AdmitResult = { readonly handshake: Handshake } | Rejection

/** Arguments of {@link admit}: a request to connect, and the mount (socket path) that was requested. */
export type AdmitRequest = {
  readonly endpoint: EndpointServer
  readonly capacity: Capacity
  readonly mount: Mount
  readonly request: FastifyRequest
  readonly address: PeerAddress
  readonly authToken: string | null
  /** The client's `Sec-WebSocket-Protocol` header. Undefined for long-poll requests. */
  readonly offered?: string | undefined
  /** Query of the request. The params for `connect` are decoded from this query. */
  readonly query: string
}

const BAD_REQUEST: Rejection = { handshake: null, status: 400, refusal: null }
const FORBIDDEN: Rejection = { handshake: null, status: 403, refusal: null }
const CRASHED: Rejection = { handshake: null, status: 500, refusal: null }

/**
 * Check the request's origin. Returns null if the request may connect. Rejections are logged at most once a second
 * (ORIGIN-1).
 */
export function checkOrigin(mount: Mount, request: FastifyRequest): Rejection | null {
  const { origin } = request.headers
  let problem: string | null
  try {
    problem = origin === undefined ? null : mount.checkOrigin(origin, uriOf(request))
  } catch (cause) {
    serverOf(request.server.endpoint).report(new CallbackError(mount.path, 'checkOrigin', cause))
    publishRefused(mount, request, 'crash')
    return CRASHED
  }
  if (problem === null) return null
  publishRefused(mount, request, { refused: 'origin', level: 'error', message: problem })
  return FORBIDDEN
}

/**
 * Check the limits, decode the params and call `connect`: the part of the handshake that all transports share
 * (CONNECT-1). If the socket's `connect` returns a promise, `admit` also returns a promise, which never rejects.
 */
export function admit(asking: AdmitRequest): AdmitResult | Promise<AdmitResult> {
  const { endpoint, capacity, mount, request, address, authToken, query } = asking
  const excess = capacity.ask(request, address)
  if (excess !== null) return noRoom(asking, excess)
  const params = decodeParams(query)
  if (params === null) {
    publishRefused(mount, request, 'query')
    return BAD_REQUEST
  }
  // A path variable overrides the query param of the same name (PARAMS-3).
  Object.assign(params, request.params)
  const info = connectInfo(mount.connectInfo, new RequestSource(request, authToken, query))
  const { drainer, settings } = mount
  const given = { params, info, drainer, address, settings }
  const outcome = isConnectObserved()
    ? observeConnect({ mount, request, params }, () => connect(mount.socket, given, endpoint))
    : connect(mount.socket, given, endpoint)
  if (!isPromise(outcome)) return conclude(asking, info, outcome)
  return outcome.then((decided) => conclude(asking, info, decided))
}

function conclude(asking: AdmitRequest, info: ConnectInfo, outcome: Handshake | Refusal): AdmitResult {
  const { mount, request } = asking
  if (!('refused' in outcome)) return { handshake: outcome }
  const { refused, reason } = outcome
  // Warn of mistakes of the application. `expired`: `connect` returned an `expiresAt` in the past. `id`: the callback
  // `id` returned neither a string nor null.
  const level = refused === 'expired' || refused === 'id' ? 'warn' : 'info'
  publishRefused(mount, request, { refused, level, reason, ...hintOf(asking, refused) })
  if (refused === 'crash') return CRASHED
  return refused === 'connect' ? { ...FORBIDDEN, refusal: { reason, info } } : FORBIDDEN
}

/**
 * Check the limits again after an asynchronous `connect` or hook, because other clients may have connected meanwhile.
 * Call this function in the event-loop turn that opens the connection: the promises of many clients may settle together.
 */
export function stillFits(
  asking: Pick<AdmitRequest, 'capacity' | 'mount' | 'request'> & { readonly address: PeerAddress | null },
  result: AdmitResult,
): AdmitResult {
  if (result.handshake === null) return result
  const excess = asking.capacity.look(asking.request, asking.address)
  return excess === null ? result : noRoom(asking, excess)
}

/** Hint for the log line if a client with a token is refused and the mount does not pass tokens to `connect`. */
function hintOf(
  { mount, request, offered = '' }: AdmitRequest,
  refused: Refusal['refused'],
): { hint?: string } {
  if (mount.authToken || (refused !== 'connect' && refused !== 'crash')) return {}
  const isTokenSent = AUTH_TOKEN_HEADER in request.headers || offersAuthToken(offered)
  return isTokenSent ? { hint: 'the client sent an auth token, but this mount has authToken: false' } : {}
}

function noRoom(
  { mount, request }: Pick<AdmitRequest, 'mount' | 'request'>,
  { status, limit, retryAfter }: Excess,
): Rejection {
  const refused = status === 429 ? RATE_LIMITED : OVERLOADED
  publishRefused(mount, request, { refused, level: 'warn', reason: limit })
  return { handshake: null, status, refusal: null, retryAfter }
}

/** Answer 400 to a request whose method the transport does not support. */
export async function refuseMethod(_request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return reply.code(400).send()
}
