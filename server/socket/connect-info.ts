import type { FastifyRequest } from 'fastify'
import { list as listOf, oneOf } from '../../protocol/check.ts'
import { type Cookies, parseCookies } from './cookies.ts'

/**
 * Request data that is passed to `connect`. A key is present only if the option `connectInfo` of the socket or of the
 * mount contains the key.
 */
export interface ConnectInfo {
  /** Address and port of the TCP peer. With `trustProxy`, the address is the client's, but the port is the proxy's. */
  readonly peerData?: PeerData
  readonly uri?: RequestUri
  /** User-Agent header; null if the request has none. */
  readonly userAgent?: string | null
  /** Headers that begin with `x-`. */
  readonly xHeaders?: HeaderList
  /** Headers that begin with `sec-websocket-`; the client's token is removed from the sub-protocols. */
  readonly secWebsocketHeaders?: HeaderList
  /** The headers `traceparent` and `tracestate`. */
  readonly traceContextHeaders?: HeaderList
  /** Unverified `authToken` of the client; null if the client sent none. */
  readonly authToken?: string | null
  /** Decoded cookies by name. Signatures are not verified; to verify a signature, use `request.unsignCookie`. */
  readonly cookies?: Cookies
  /** Copy of the headers, including `cookie` and `authorization`, with names in lower case. */
  readonly headers?: HeaderMap
  /**
   * Fastify's request. It has the properties that earlier registered plugins set, such as `session` and `user`. Over
   * long-poll, `request` is the request that opens the session. Do not store the request: it would stay in memory as
   * long as the connection is open.
   */
  readonly request?: FastifyRequest
}

/** Key that `connectInfo` may list. */
export type ConnectInfoKey = keyof ConnectInfo

/** Info for a socket whose `connectInfo` lists the keys `K`. The keys `K` are required, all other keys are optional. */
export type ConnectInfoWith<K extends ConnectInfoKey> = ConnectInfo & Required<Pick<ConnectInfo, K>>

/** Request headers, with names in lower case. A value is a list only for `set-cookie`, as in Node. */
export type HeaderMap = Readonly<Record<string, string | readonly string[] | undefined>>

/** Remote end of the connection. */
export interface PeerData {
  readonly address: string
  readonly port: number
}

/**
 * URI that the client requested, in parts. With Fastify's `trustProxy`, the scheme and the host can come from the
 * `X-Forwarded-*` headers.
 */
export interface RequestUri {
  /** `http` or `https`. */
  readonly scheme: string
  readonly host: string
  /** Port of the Host header; null if the header has no port. */
  readonly port: number | null
  readonly path: string
  /** Query without the `?`, or the empty string. */
  readonly query: string
}

/** Headers in the order of the request, with names in lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** Source of the parts in `ConnectInfo`. Each transport creates a `ConnectSource` from the client's request. */
export interface ConnectSource {
  readonly peerData: PeerData
  readonly uri: RequestUri
  /** Headers by name in lower case, as in Node. The header `sec-websocket-protocol` must not contain `authToken`. */
  readonly headers: HeaderMap
  readonly authToken: string | null
  readonly request: FastifyRequest
}

const pick: { readonly [K in ConnectInfoKey]-?: (source: ConnectSource) => Pick<ConnectInfo, K> } = {
  peerData: ({ peerData }) => ({ peerData }),
  uri: ({ uri }) => ({ uri }),
  userAgent: ({ headers }) => ({ userAgent: values(headers['user-agent'])[0] ?? null }),
  xHeaders: (source) => ({ xHeaders: headersWhere(source, (name) => name.startsWith('x-')) }),
  secWebsocketHeaders: (source) => ({
    secWebsocketHeaders: headersWhere(source, (name) => name.startsWith('sec-websocket-')),
  }),
  traceContextHeaders: (source) => ({
    traceContextHeaders: headersWhere(source, (name) => name === 'traceparent' || name === 'tracestate'),
  }),
  authToken: ({ authToken }) => ({ authToken }),
  cookies: ({ headers }) => ({ cookies: parseCookies(values(headers['cookie']).join(';')) }),
  // A copy, because an upgrade changes the headers of its request.
  headers: ({ headers }) => ({ headers: { ...headers } }),
  request: ({ request }) => ({ request }),
}

/** Return only the listed parts of a request. The keys must have passed {@link connectInfoKeys}. */
export function connectInfo(keys: readonly ConnectInfoKey[], source: ConnectSource): ConnectInfo {
  let info: ConnectInfo = {}
  for (const key of keys) info = { ...info, ...pick[key](source) }
  return info
}

/** Rule that checks the option `connectInfo` of a socket or mount. */
export const connectInfoKeys = listOf(oneOf(...Object.keys(pick)))

function headersWhere(source: ConnectSource, isWanted: (name: string) => boolean): HeaderList {
  const wanted = Object.entries(source.headers).filter(([name]) => isWanted(name))
  return wanted.flatMap(([name, value]) => values(value).map((one) => [name, one] as const))
}

function values(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return []
  return typeof header === 'string' ? [header] : header
}
