import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Endpoint } from '../endpoint.ts'
import { CallbackError } from '../errors.ts'
import { connect, type Handshake } from '../socket/connect.ts'
import { type ConnectSource, connectInfo } from '../socket/connect-info.ts'
import type { Mount, RefusalResponse } from './mount.ts'
import { decodeParams } from './params.ts'

/** Why a request is not admitted: what failed, and the answer for a WebSocket client. */
export type Rejection = { readonly handshake: null; readonly response: RefusalResponse }
/** The outcome of a handshake. */
export type Admission = { readonly handshake: Handshake } | Rejection

const BAD_REQUEST = rejection({ status: 400 })
const FORBIDDEN = rejection({ status: 403 })
const CRASHED = rejection({ status: 500 })

/** Null if the request's origin may connect, else the rejection; it is logged (ORIGIN-1). */
export function checkOrigin(mount: Mount, request: FastifyRequest): Rejection | null {
  const problem = mount.checkOrigin(request.headers.origin, uriOf(request))
  if (problem === null) return null
  request.log.error({ path: mount.path }, problem)
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
  if (query === null) return BAD_REQUEST
  // A variable of the path wins over the query's param of that name (PARAMS-3).
  const params = Object.assign(query, request.params)
  const source: ConnectSource = {
    peerData: { address: request.ip, port: request.socket.remotePort ?? 0 },
    uri,
    headers: request.headers,
    authToken,
  }
  const info = connectInfo(mount.connectInfo, source)
  const result = await connect(mount.socket, { params, info }, (error) => endpoint.report(error))
  if (!('refused' in result)) return { handshake: { ...result, drainer: mount.drainer } }
  request.log.info({ path: mount.path, refused: result.refused, reason: result.reason }, 'connection refused')
  if (result.refused === 'crash') return CRASHED
  if (result.refused !== 'connect') return FORBIDDEN
  try {
    return rejection(mount.refuse(result.reason, info))
  } catch (cause) {
    endpoint.report(new CallbackError(mount.path, 'refuse', cause))
    return FORBIDDEN
  }
}

/** Send a rejection: its status, its headers, and no body unless it has one. */
export function reject(reply: FastifyReply, { response }: Rejection): FastifyReply {
  // A close code is for WebSockets; whoever asks by plain HTTP is forbidden.
  if ('close' in response) return reply.code(403).send()
  return reply
    .code(response.status)
    .headers({ ...response.headers })
    .send(response.body)
}

function rejection(response: RefusalResponse): Rejection {
  return { handshake: null, response }
}

function uriOf(request: FastifyRequest): ConnectSource['uri'] {
  const [path = '/', query = ''] = splitOnce(request.raw.url ?? '/', '?')
  // Of `[::1]:4000` the port is what follows the last colon behind the bracket.
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(request.host) ?? []
  return { scheme: request.protocol, host, port: port === undefined ? null : Number(port), path, query }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}
