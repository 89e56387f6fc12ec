import type { FastifyReply, FastifyRequest } from 'fastify'
import { OVERLOADED, RATE_LIMITED } from '../../protocol/index.ts'
import type { Endpoint } from '../endpoint/endpoint.ts'
import { CallbackError } from '../errors.ts'
import { isPromise } from '../runtime/promise.ts'
import { connect, type Handshake, type Refusal } from '../socket/connect.ts'
import { type ConnectInfo, connectInfo } from '../socket/connect-info.ts'
import type { PeerAddress } from '../socket/peer-address.ts'
import type { Capacity, Excess } from './capacity.ts'
import type { Mount } from './mount.ts'
import { isConnectObserved, observeConnect, tellRefused } from './observed.ts'
import { decodeParams } from './params.ts'
import { RequestSource, uriOf } from './request-source.ts'

/** Why a request is not admitted; each transport has its own way to say so. */
export type Rejection = {
  readonly handshake: null
  /** 400: the query cannot be read. 429 and 503: there is no room. 500: `connect` crashed. 403: anything else. */
  readonly status: 400 | 403 | 429 | 500 | 503
  /** What `connect` gave as its error; null when something else failed. */
  readonly refusal: { readonly reason: unknown; readonly info: ConnectInfo } | null
  /** Of 429 and 503: when to ask again, in seconds. */
  readonly retryAfter?: number
}
/** The outcome of a handshake. */
export type Admission = { readonly handshake: Handshake } | Rejection

/** A request that asks to connect, and where. */
export type Asking = {
  readonly endpoint: Endpoint
  readonly capacity: Capacity
  readonly mount: Mount
  readonly request: FastifyRequest
  readonly address: PeerAddress
  readonly authToken: string | null
  /** What the params are decoded from. */
  readonly query: string
}

const BAD_REQUEST: Rejection = { handshake: null, status: 400, refusal: null }
const FORBIDDEN: Rejection = { handshake: null, status: 403, refusal: null }
const CRASHED: Rejection = { handshake: null, status: 500, refusal: null }

/** Null if the request's origin may connect, else the rejection; it is logged, once a second (ORIGIN-1). */
export function checkOrigin(mount: Mount, request: FastifyRequest): Rejection | null {
  const { origin } = request.headers
  let problem: string | null
  try {
    problem = origin === undefined ? null : mount.checkOrigin(origin, uriOf(request))
  } catch (cause) {
    request.server.endpoint.report(new CallbackError(mount.path, 'checkOrigin', cause))
    tellRefused(mount, request, 'crash')
    return CRASHED
  }
  if (problem === null) return null
  tellRefused(mount, request, { refused: 'origin', level: 'error', message: problem })
  return FORBIDDEN
}

/**
 * Decode the params, then connect: the part of the handshake that all transports share (CONNECT-1).
 * A promise comes back if the socket's `connect` returned one; it never rejects.
 */
export function admit(asking: Asking): Admission | Promise<Admission> {
  const { endpoint, capacity, mount, request, address, authToken, query } = asking
  const excess = capacity.ask(request, address)
  if (excess !== null) return noRoom(asking, excess)
  const params = decodeParams(query)
  if (params === null) {
    tellRefused(mount, request, 'query')
    return BAD_REQUEST
  }
  // A variable of the path wins over the query's param of that name (PARAMS-3).
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

function conclude(asking: Asking, info: ConnectInfo, outcome: Handshake | Refusal): Admission {
  const { capacity, mount, request, address } = asking
  if (!('refused' in outcome)) {
    // Others have come in while it was asked.
    const excess = capacity.look(request, address)
    return excess === null ? { handshake: outcome } : noRoom(asking, excess)
  }
  const { refused, reason } = outcome
  // An expired result is the application's fault: `connect` accepted the client and gave a time in the past.
  const level = refused === 'expired' ? 'warn' : 'info'
  tellRefused(mount, request, { refused, level, reason })
  if (refused === 'crash') return CRASHED
  return refused === 'connect' ? { ...FORBIDDEN, refusal: { reason, info } } : FORBIDDEN
}

function noRoom({ mount, request }: Asking, { status, limit, retryAfter }: Excess): Rejection {
  const refused = status === 429 ? RATE_LIMITED : OVERLOADED
  tellRefused(mount, request, { refused, level: 'warn', reason: limit })
  return { handshake: null, status, refusal: null, retryAfter }
}

/** The answer to a method that a transport does not take: before its body is read, whatever that is. */
export async function refuseMethod(_request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return reply.code(400).send()
}
