import { type Fault, faultOf, list } from '../../protocol/check.ts'
import { UsageError } from '../errors.ts'
import { disown } from '../runtime/promise.ts'

/**
 * Which web pages may connect; clients that send no Origin header, as no browser does, always may.
 * - `'same-host'`: pages of the host and port that the request's Host header names;
 * - `'conn'`: the same, and the scheme too, as this server sees it (not behind a TLS proxy);
 * - `true`: pages of the configured url's host, with any scheme and port;
 * - a list: `'https://example.com'` (that scheme and its port), `'//example.com'` (any of them),
 *   `'//example.com:888'`, `'//*.example.com'` (the domain and all below it);
 * - a function of the {@link Origin} that returns true to allow it;
 * - `false`: every page there is.
 */
export type CheckOrigin = boolean | 'conn' | 'same-host' | readonly string[] | ((origin: Origin) => boolean)

/** An Origin header in its parts; `null` and `file://` have no host. */
export interface Origin {
  /** The header as it came. */
  readonly header: string
  readonly scheme: string | null
  /** An IPv6 address stands in its brackets. */
  readonly host: string | null
  /** The port, if not given then the scheme's own. */
  readonly port: number | null
}

/** What the check needs to know of a request. */
export interface OriginRequest {
  /** `http` or `https`. */
  readonly scheme: string
  /** Of the Host header, without the port. */
  readonly host: string
  /** Of the Host header; null when it names none. */
  readonly port: number | null
}

/** Null when the origin may connect, else a sentence for the log. The comparison is case-sensitive. */
export type OriginCheck = (header: string | undefined, request: OriginRequest) => string | null

type Rule = (origin: Origin, request: OriginRequest) => boolean

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http', 80],
  ['https', 443],
  ['ws', 80],
  ['wss', 443],
])

/**
 * Make the check of a mount out of its option, once.
 * @param urlHost the host of the configured url, which `true` compares with.
 * @throws UsageError with `PHX_ERR_OPTION` for `true` without a host; the option has passed {@link originRule}.
 */
export function compileOrigin(checkOrigin: CheckOrigin, urlHost: string | null = null): OriginCheck {
  const allows = toRule(checkOrigin, urlHost)
  const setting = typeof checkOrigin === 'function' ? 'a function' : JSON.stringify(checkOrigin)
  return (header, request) => {
    if (header === undefined || allows(parseOrigin(header), request)) return null
    return `origin ${JSON.stringify(header.slice(0, 200))} may not connect to "${toText(request)}": checkOrigin is ${setting}`
  }
}

function toRule(checkOrigin: CheckOrigin, urlHost: string | null): Rule {
  if (checkOrigin === false) return () => true
  if (checkOrigin === 'same-host') return isSameHost
  if (checkOrigin === 'conn') return isSameConnection
  if (typeof checkOrigin === 'function') return (origin) => isTrue(checkOrigin(origin))
  if (checkOrigin === true && urlHost !== null) return (origin) => origin.host === urlHost
  if (checkOrigin === true) {
    throw new UsageError(
      'PHX_ERR_OPTION',
      '`checkOrigin: true` needs `urlHost`, the host that pages must be of',
    )
  }
  const entries = checkOrigin.map(parseOrigin)
  return (origin) => entries.some((entry) => matches(entry, origin))
}

const entries = list((entry) =>
  typeof entry === 'string' && parseOrigin(entry).host !== null
    ? null
    : faultOf(
        "an origin with a host, like 'https://example.com', '//example.com:888' or '//*.example.com'",
        entry,
      ),
)

/** The option `checkOrigin` of a mount. */
export function originRule(value: unknown): Fault | null {
  if (Array.isArray(value)) return entries(value)
  const isLegal = typeof value === 'boolean' || value === 'same-host' || value === 'conn'
  if (isLegal || typeof value === 'function') return null
  return faultOf("true, false, 'same-host', 'conn', a list of origins or a function", value)
}

/** Only true itself: the promise of an async function must not let everybody in, nor end the process. */
function isTrue(allowed: unknown): boolean {
  disown(allowed)
  return allowed === true
}

// Behind a proxy that ends TLS the page is https and this server http, so a Host without a port
// means the default port of the page's scheme.
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

// As lenient as RFC 3986, appendix B; `new URL` would refuse `//example.com` and change what it takes.
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
