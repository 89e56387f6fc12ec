import type { FastifyRequest } from 'fastify'
import type { ConnectSource, PeerData, RequestUri } from '../socket/connect-info.ts'

/** A Fastify request, of which each mount reads the few parts that its `connectInfo` lists. */
export class RequestSource implements ConnectSource {
  readonly authToken: string | null
  readonly request: FastifyRequest
  readonly #query: string

  /** @param query the client's own: over long-poll there may be more in the request. */
  constructor(request: FastifyRequest, authToken: string | null, query: string) {
    this.authToken = authToken
    this.request = request
    this.#query = query
  }

  /** It costs a system call. */
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

/** The address that a request asks for. */
export function uriOf(request: FastifyRequest): RequestUri {
  // As the client wrote it, with its empty segments.
  const url = request.originalUrl
  const mark = url.indexOf('?')
  // Of `[::1]:4000` the port is what follows the last colon behind the bracket.
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(request.host) ?? []
  return {
    scheme: request.protocol,
    host,
    port: port === undefined ? null : Number(port),
    path: mark === -1 ? url : url.slice(0, mark),
    query: queryOf(request),
  }
}

/** What follows the `?` of a request's address, or the empty string. */
export function queryOf({ raw: { url = '/' } }: FastifyRequest): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

/**
 * The same without the session's token, as it is over long-poll: that is the last, of two or if it `isSigned`
 * by this server, and not the client's own (LONGPOLL-3).
 */
export function ownQueryOf(request: FastifyRequest, isSigned: boolean): string {
  const query = `&${queryOf(request)}`
  const last = query.lastIndexOf('&token=')
  if (last === -1 || (!isSigned && query.indexOf('&token=') === last)) return query.slice(1)
  const end = query.indexOf('&', last + 1)
  const own = query.slice(0, last) + (end === -1 ? '' : query.slice(end))
  return own.slice(1)
}
