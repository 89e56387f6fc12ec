import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Endpoint } from '../endpoint.ts'
import { connect, type Handshake } from '../socket/connect.ts'
import { type ConnectInfo, type ConnectSource, connectInfo } from '../socket/connect-info.ts'
import type { Mount } from './mount.ts'
import { isConnectObserved, observeConnect, tellRefused } from './observed.ts'
import { decodeParams } from './params.ts'

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

/** Decode the params, then connect: the part of the handshake that all transports share (CONNECT-1). */
export async function admit(
  endpoint: Endpoint,
  mount: Mount,
  request: FastifyRequest,
  authToken: string | null,
): Promise<Admission> {
  const uri = uriOf(request)
  const query = decodeParams(uri.query)
  if (query === null) {
    tellRefused(mount, request, 'query')
    return BAD_REQUEST
  }
  // A variable of the path wins over the query's param of that name (PARAMS-3).
  const params = Object.assign(query, request.params)
  const source: ConnectSource = {
    // A getter: it costs a system call, and few mounts ask for it.
    get peerData() {
      return { address: request.ip, port: request.socket.remotePort ?? 0 }
    },
    uri,
    headers: request.headers,
    authToken,
  }
  const info = connectInfo(mount.connectInfo, source)
  const ask = () => connect(mount.socket, { params, info }, (error) => endpoint.report(error))
  const result = await (isConnectObserved() ? observeConnect({ mount, request, params }, ask) : ask())
  // The same object, by which listeners know the connection again.
  if (!('refused' in result)) return { handshake: Object.assign(result, { drainer: mount.drainer }) }
  const { refused, reason } = result
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

/** The address that a request asks for. */
export function uriOf(request: FastifyRequest): ConnectSource['uri'] {
  const [path = '/', query = ''] = splitOnce(request.raw.url ?? '/', '?')
  // Of `[::1]:4000` the port is what follows the last colon behind the bracket.
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(request.host) ?? []
  return { scheme: request.protocol, host, port: port === undefined ? null : Number(port), path, query }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
