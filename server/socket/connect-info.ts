import type { FastifyRequest } from 'fastify'
import { list as listOf, oneOf } from '../../protocol/check.ts'
import { type Cookies, parseCookies } from './cookies.ts'

/** What `connect` may see of the request: only the keys that `connectInfo` of the socket or its mount lists. */
export interface ConnectInfo {
  /** Who connects; behind a proxy, the proxy. */
  readonly peerData?: PeerData
  readonly uri?: RequestUri
  /** Null without a User-Agent header. */
  readonly userAgent?: string | null
  /** Headers that begin with `x-`. */
  readonly xHeaders?: HeaderList
  /** Headers that begin with `sec-websocket-`; the client's token is not among the sub-protocols. */
  readonly secWebsocketHeaders?: HeaderList
  /** The headers `traceparent` and `tracestate`. */
  readonly traceContextHeaders?: HeaderList
  /** The client's `authToken`, not yet verified; null without one. */
  readonly authToken?: string | null
  /** The request's cookies by name, decoded. Signatures are not verified: `request.unsignCookie` does that. */
  readonly cookies?: Cookies
  /** All headers, names in lower case, `cookie` and `authorization` among them. A copy. */
  readonly headers?: HeaderMap
  /**
   * Fastify's request, with what hooks and decorators of plugins registered before this one have put on it:
   * `session`, `user` and the like. Over long-poll, the request that opens the session. Do not keep it: it
   * would hold the HTTP request as long as the connection lives.
   */
  readonly request?: FastifyRequest
}

/** A key that `connectInfo` may list. */
export type ConnectInfoKey = keyof ConnectInfo

/** The info of a socket that lists the keys `K`: these are present, those of its mount may be. */
export type ConnectInfoWith<K extends ConnectInfoKey> = ConnectInfo & Required<Pick<ConnectInfo, K>>

/** Headers by their names. */
export type HeaderMap = Readonly<Record<string, string | readonly string[] | undefined>>

/** The other end of the connection. */
export interface PeerData {
  readonly address: string
  readonly port: number
}

/** The address that was asked for. */
export interface RequestUri {
  /** `http` or `https`. */
  readonly scheme: string
  readonly host: string
  /** Null when the Host header names none. */
  readonly port: number | null
  readonly path: string
  /** What follows the `?`, or the empty string. */
  readonly query: string
}

/** Headers in the order they came, names in lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

/** A request as far as `connectInfo` needs it; transports make it. */
export interface ConnectSource {
  readonly peerData: PeerData
  readonly uri: RequestUri
  /** Names in lower case, as Node gives them. The token must have been taken out already. */
  readonly headers: HeaderMap
  readonly authToken: string | null
  readonly request: FastifyRequest
}

const pick: { readonly [K in ConnectInfoKey]-?: (source: ConnectSource) => Pick<ConnectInfo, K> } = {
  peerData: ({ peerData }) => ({ peerData }),
  uri: ({ uri }) => ({ uri }),
  userAgent: ({ headers }) => ({ userAgent: values(headers['user-agent'])[0] ?? null }),
  xHeaders: (source) => ({ xHeaders: list(source, (name) => name.startsWith('x-')) }),
  secWebsocketHeaders: (source) => ({
    secWebsocketHeaders: list(source, (name) => name.startsWith('sec-websocket-')),
  }),
  traceContextHeaders: (source) => ({
    traceContextHeaders: list(source, (name) => name === 'traceparent' || name === 'tracestate'),
  }),
  authToken: ({ authToken }) => ({ authToken }),
  cookies: ({ headers }) => ({ cookies: parseCookies(values(headers['cookie']).join(';')) }),
  // A copy, because an upgrade changes the headers of its request.
  headers: ({ headers }) => ({ headers: { ...headers } }),
  request: ({ request }) => ({ request }),
}

/** The listed parts of a request, and nothing else; the keys have passed {@link connectInfoKeys}. */
export function connectInfo(keys: readonly ConnectInfoKey[], source: ConnectSource): ConnectInfo {
  let info: ConnectInfo = {}
  for (const key of keys) info = { ...info, ...pick[key](source) }
  return info
}

/** The `connectInfo` option of a socket or mount. */
export const connectInfoKeys = listOf(oneOf(...Object.keys(pick)))

function list(source: ConnectSource, isWanted: (name: string) => boolean): HeaderList {
  const wanted = Object.entries(source.headers).filter(([name]) => isWanted(name))
  return wanted.flatMap(([name, value]) => values(value).map((one) => [name, one] as const))
}

function values(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return []
  return typeof header === 'string' ? [header] : header
}
