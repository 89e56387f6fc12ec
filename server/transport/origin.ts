import { type Fault, faultOf, list, rule } from '../../protocol/check.ts'
import { UsageError } from '../errors.ts'
import { disown } from '../runtime/promise.ts'

/**
 * Origins of web pages that are allowed to connect. Requests without an Origin header are allowed, too; browsers send
 * the header with each WebSocket handshake and each CORS request.
 * - `'same-host'`: the host and port of the request's Host header;
 * - `'conn'`: the same host and port, and also the scheme that this server sees (not for servers behind a TLS proxy);
 * - `true`: the host given by the option `urlHost`, with any scheme and port;
 * - a list: `'https://example.com'` (that scheme and its default port), `'//example.com'` (any scheme and port),
 *   `'//example.com:888'`, `'//*.example.com'` (the domain and all its subdomains);
 * - a function that receives the {@link Origin}, and returns true to allow this origin;
 * - `false`: all origins.
 */
export type CheckOrigin = boolean | 'conn' | 'same-host' | readonly string[] | ((origin: Origin) => boolean)

/** Parsed Origin header. The headers `null` and `file://` have no host. */
export interface Origin {
  /** Unparsed Origin header. */
  readonly header: string
  readonly scheme: string | null
  /** Host name or IP address; an IPv6 address has its brackets. */
  readonly host: string | null
  /** Port of the origin. Default: the default port of the scheme; null if the scheme has none. */
  readonly port: number | null
}

/** Fields of a request that an `OriginCheck` needs. */
export interface OriginRequest {
  /** `http` or `https`. */
  readonly scheme: string
  /** Host of the Host header, without the port. */
  readonly host: string
  /** Port of the Host header; null when it has none. */
  readonly port: number | null
}

/** Returns null if the origin may connect, otherwise a sentence for the log. Host names are case-sensitive. */
export type OriginCheck = (header: string | undefined, request: OriginRequest) => string | null

type OriginRule = (origin: Origin, request: OriginRequest) => boolean

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['https', 443],
  ['ws', 80],
  ['wss', 443],
])

/**
 * Convert the option `checkOrigin` to a function. The caller has checked the option with {@link originRule}.
 * @param urlHost host that an origin must have if `checkOrigin` is true.
 * @throws UsageError with `PHX_ERR_OPTION` when `checkOrigin` is true and `urlHost` is null.
 */
export function compileOrigin(checkOrigin: CheckOrigin, urlHost: string | null = null): OriginCheck {
  const allows = toRule(checkOrigin, urlHost)
  const reason = reasonOf(checkOrigin, urlHost)
  return (header, request) => {
    if (header === undefined || allows(parseOrigin(header), request)) return null
    return `origin ${JSON.stringify(header.slice(0, 200))} is not allowed to connect to "${toText(request)}": ${reason}`
  }
}

function reasonOf(checkOrigin: CheckOrigin, urlHost: string | null): string {
  if (typeof checkOrigin === 'function') return 'the function checkOrigin did not return true'
  if (checkOrigin === true) {
    return `checkOrigin is true, which compares only the host (without the port) with urlHost "${urlHost}"`
  }
  if (checkOrigin === 'same-host') return 'checkOrigin is "same-host", which compares host and port'
  if (checkOrigin === 'conn') return 'checkOrigin is "conn", which compares scheme, host and port'
  return `checkOrigin is ${JSON.stringify(checkOrigin)}`
}

function toRule(checkOrigin: CheckOrigin, urlHost: string | null): OriginRule {
  if (checkOrigin === false) return () => true
  if (checkOrigin === 'same-host') return isSameHost
  if (checkOrigin === 'conn') return isSameConnection
  if (typeof checkOrigin === 'function') return (origin) => isTrue(checkOrigin(origin))
  if (checkOrigin === true && urlHost !== null) return (origin) => origin.host === urlHost
  if (checkOrigin === true) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      '`checkOrigin: true` requires `urlHost`, the host of the allowed pages',
    )
  }
  const entries = checkOrigin.map(parseOrigin)
  return (origin) => entries.some((entry) => matches(entry, origin))
}

/** Path, query or fragment of an origin. A single slash at the end is allowed. */
const PATH = /\/\/[^/?#]*(?:\/.|[?#])/
const entries = list((entry) =>
  typeof entry === 'string' && parseOrigin(entry).host !== null && !PATH.test(entry)
    ? null
    : faultOf(
        "an origin with '//' and a host, and optionally a numeric port, but no path, like 'https://example.com', " +
          "'//example.com:888', '//[::1]' or '//*.example.com'",
        entry,
      ),
)

/** Rule that checks the option `checkOrigin`. */
export function originRule(value: unknown): Fault | null {
  if (Array.isArray(value)) return entries(value)
  const isLegal = typeof value === 'boolean' || value === 'same-host' || value === 'conn'
  if (isLegal || typeof value === 'function') return null
  return faultOf("true, false, 'same-host', 'conn', a list of origins or a function", value)
}

/** Rule that checks the option `urlHost`. */
export const urlHostRule = rule(
  'a host without a scheme, port or path, such as "example.com"',
  (value) => typeof value === 'string' && parseOrigin(`//${value}`).host === value,
)

/**
 * Returns true only for `true` itself. The promise of an async function does not count as true: otherwise, an async
 * function would allow all origins. A rejection of the promise is ignored, so that the process does not end.
 */
function isTrue(allowed: unknown): boolean {
  disown(allowed)
  return allowed === true
}

// A Host header without a port means the default port of the page's scheme. This server's scheme may differ: behind a
// proxy that terminates TLS, the page uses https and this server http.
function isSameHost(origin: Origin, request: OriginRequest): boolean {
  const port = request.port ?? defaultPort(origin.scheme)
  return origin.host === request.host && origin.port !== null && origin.port === port
}

function isSameConnection(origin: Origin, request: OriginRequest): boolean {
  const port = request.port ?? defaultPort(request.scheme)
  return origin.scheme === request.scheme && origin.host === request.host && origin.port === port
}

function matches(entry: Origin, origin: Origin): boolean {
  if (entry.host === null || origin.host === null) return false
  if (entry.scheme !== null && entry.scheme !== origin.scheme) return false
  if (entry.port !== null && entry.port !== origin.port) return false
  if (!entry.host.startsWith('*.')) return entry.host === origin.host
  return origin.host === entry.host.slice(2) || origin.host.endsWith(entry.host.slice(1))
}

// Parse as leniently as RFC 3986, appendix B. `new URL` would reject `//example.com` and normalize other origins.
function parseOrigin(header: string): Origin {
  const [, schemePart, authority = ''] = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?/i.exec(header) ?? []
  const scheme = schemePart?.toLowerCase() ?? null
  const hostAndPort = authority.slice(authority.lastIndexOf('@') + 1)
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(hostAndPort) ?? []
  return {
    header,
    scheme,
    host: host === '' ? null : host,
    port: port === '' ? defaultPort(scheme) : Number(port),
  }
}

function defaultPort(scheme: string | null): number | null {
  return DEFAULT_PORTS.get(scheme ?? '') ?? null
}

function toText(request: OriginRequest): string {
  return `${request.scheme}://${request.host}${request.port === null ? '' : `:${request.port}`}`
}
