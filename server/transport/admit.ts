import type { FastifyReply, FastifyRequest } from 'fastify'
import { isPromise } from '../channel/process.ts'
import type { Endpoint } from '../endpoint.ts'
import { connect, type Handshake, type Refusal } from '../socket/connect.ts'
import { type ConnectInfo, connectInfo } from '../socket/connect-info.ts'
import type { Mount } from './mount.ts'
import { isConnectObserved, observeConnect, tellRefused } from './observed.ts'
import { decodeParams } from './params.ts'
import { queryOf, RequestSource, uriOf } from './request-source.ts'

/** Why a request is not admitted; each transport has its own way to say so. */
export type Rejection = {
  readonly handshake: null
  /** 400: the query cannot be read. 500: `connect` crashed. 403: anything else. */
  readonly status: 400 | 403 | 500
  /** What `connect` gave as its error; null when something else failed. */
  readonly refusal: { readonly reason: unknown; readonly info: ConnectInfo } | null
}
/** The outcome of a handshake. */
export type Admission = { readonly handshake: Handshake } | Rejection

/** A request that asks to connect, and where. */
export type Asking = {
  readonly endpoint: Endpoint
  readonly mount: Mount
  readonly request: FastifyRequest
  readonly authToken: string | null
}

const BAD_REQUEST: Rejection = { handshake: null, status: 400, refusal: null }
const FORBIDDEN: Rejection = { handshake: null, status: 403, refusal: null }
const CRASHED: Rejection = { handshake: null, status: 500, refusal: null }

/** Null if the request's origin may connect, else the rejection; it is logged (ORIGIN-1). */
export function checkOrigin(mount: Mount, request: FastifyRequest): Rejection | null {
  const { origin } = request.headers
  const problem = origin === undefined ? null : mount.checkOrigin(origin, uriOf(request))
  if (problem === null) return null
  request.log.error({ path: mount.path }, problem)
  tellRefused(mount, request, 'origin')
  return FORBIDDEN
}

/**
 * Decode the params, then connect: the part of the handshake that all transports share (CONNECT-1).
 * A promise comes back if the socket's `connect` returned one; it never rejects.
 */
export function admit(asking: Asking): Admission | Promise<Admission> {
  const { endpoint, mount, request, authToken } = asking
  const params = decodeParams(queryOf(request))
  if (params === null) {
    tellRefused(mount, request, 'query')
    return BAD_REQUEST
  }
  // A variable of the path wins over the query's param of that name (PARAMS-3).
  Object.assign(params, request.params)
  const info = connectInfo(mount.connectInfo, new RequestSource(request, authToken))
  const ask = () => connect(mount.socket, { params, info, drainer: mount.drainer }, endpoint)
  const outcome = isConnectObserved() ? observeConnect({ mount, request, params }, ask) : ask()
  if (!isPromise(outcome)) return conclude(asking, info, outcome)
  return outcome.then((decided) => conclude(asking, info, decided))
}

function conclude({ mount, request }: Asking, info: ConnectInfo, outcome: Handshake | Refusal): Admission {
  if (!('refused' in outcome)) return { handshake: outcome }
  const { refused, reason } = outcome
  tellRefused(mount, request, refused)
  // Not the request's own logger, which is silent about polls.
  request.server.log.info({ reqId: request.id, path: mount.path, refused, reason }, 'connection refused')
  if (refused === 'crash') return CRASHED
  return refused === 'connect' ? { ...FORBIDDEN, refusal: { reason, info } } : FORBIDDEN
}

/** The answer to a method that a transport does not take: before its body is read, whatever that is. */
export async function refuseMethod(_request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return reply.code(400).send()
}
