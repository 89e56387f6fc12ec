import type { FastifyRequest } from 'fastify'
import type { ConnectSource, PeerData, RequestUri } from '../socket/connect-info.ts'

/** Source of `connectInfo`. It reads a part of the Fastify request only when this part is needed. */
export class RequestSource implements ConnectSource {
  readonly authToken: string | null
  readonly request: FastifyRequest
  readonly #query: string

  /** @param query the request's query, without the session token that a long-poll request can contain. */
  constructor(request: FastifyRequest, authToken: string | null, query: string) {
    this.authToken = authToken
    this.request = request
    this.#query = query
  }

  /** Address and port of the client. Reading them costs a system call. */
  get peerData(): PeerData {
    return { address: this.request.ip, port: this.request.socket.remotePort ?? 0 }
  }

  get uri(): RequestUri {
    return { ...uriOf(this.request), query: this.#query }
  }

  get headers(): ConnectSource['headers'] {
    return this.request.headers
  }
}

export function uriOf(request: FastifyRequest): RequestUri {
  // URL as the client sent it, including empty segments of the path.
  const url = request.originalUrl
  const mark = url.indexOf('?')
  // In `[::1]:4000` the port follows the last colon, after the bracket.
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(request.host) ?? []
  return {
    scheme: request.protocol,
    host,
    port: port === undefined ? null : Number(port),
    path: mark === -1 ? url : url.slice(0, mark),
    query: queryOf(request),
  }
}

/** Query of a request: the part of the URL after the `?`. Empty if the URL has no `?`. */
export function queryOf({ raw: { url = '/' } }: FastifyRequest): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

/**
 * Remove the session token from the query of a long-poll request (LONGPOLL-3), and return the rest of the query. If
 * the query has several params `token`, the last one is removed. If the query has one `token`, it is removed only if
 * this server has signed it (`isSigned`), because an unsigned `token` is a param for `connect`.
 */
export function ownQueryOf(request: FastifyRequest, isSigned: boolean): string {
  const query = `&${queryOf(request)}`
  const last = query.lastIndexOf('&token=')
  if (last === -1 || (!isSigned && query.indexOf('&token=') === last)) return query.slice(1)
  const end = query.indexOf('&', last + 1)
  const own = query.slice(0, last) + (end === -1 ? '' : query.slice(end))
  return own.slice(1)
}
