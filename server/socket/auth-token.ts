import { isUtf8 } from 'node:buffer'

// The official client's `authToken` comes as one of the offered sub-protocols.
const PREFIX = 'base64url.bearer.phx.'
// Despite that name it is the standard alphabet, often without its padding; other clients do write
// the URL's alphabet, so both are taken.
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/** The sub-protocols that a client offers, and the token that was among them. */
export interface AuthTokenOffer {
  /** Null when none was offered, or more than one. */
  readonly token: string | null
  /** What remains of the offer, in the client's order. */
  readonly protocols: readonly string[]
}

/**
 * Take the token out of a `Sec-WebSocket-Protocol` header. With no token, or with several, the offer
 * stays as it is. Null when the token is not base64: the route answers 403.
 */
export function takeAuthToken(header: string | undefined): AuthTokenOffer | null {
  const protocols = (header ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const [item, ...others] = protocols.filter((protocol) => protocol.startsWith(PREFIX))
  if (item === undefined || others.length > 0) return { token: null, protocols }
  const token = decodeToken(item.slice(PREFIX.length))
  return token === null ? null : { token, protocols: protocols.filter((protocol) => protocol !== item) }
}

/**
 * Choose the sub-protocol to answer with: the server's first that the client offers, or null for an
 * answer without one, when the client offers nothing or the server has no list (`allowed` is null).
 * Undefined when nothing fits: the route answers 403.
 */
export function selectSubprotocol(
  offered: readonly string[],
  allowed: readonly string[] | null,
): string | null | undefined {
  if (offered.length === 0 || allowed === null) return null
  return allowed.find((protocol) => offered.includes(protocol))
}

function decodeToken(text: string): string | null {
  if (!BASE64.test(text)) return null
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if ((text.length - padding) % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return null
  const bytes = Buffer.from(text, 'base64')
  // A browser's btoa writes one byte per character, other clients write UTF-8.
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')
}
