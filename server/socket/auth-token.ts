import { isUtf8 } from 'node:buffer'

/** Header in which long-poll clients send their token. */
export const AUTH_TOKEN_HEADER = 'x-phoenix-authtoken'

// Over WebSocket, the official client sends its `authToken` as one of the offered sub-protocols.
const TOKEN_PREFIX = 'base64url.bearer.phx.'
// Accept both alphabets of base64. The official client uses the standard alphabet, often without padding, although the
// prefix says `base64url`. Other clients use the URL-safe alphabet.
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/** Token and sub-protocols that a client offers in its `Sec-WebSocket-Protocol` header. */
export interface AuthTokenOffer {
  /** Null when the client offered no token, or more than one. */
  readonly token: string | null
  /** Offered sub-protocols in the client's order. If `token` is not null, `protocols` does not contain the token. */
  readonly protocols: readonly string[]
}

/**
 * Split a `Sec-WebSocket-Protocol` header into the token and the other sub-protocols. If there is no token, or more
 * than one, returns all sub-protocols unchanged. Returns null if the token is not base64; the route then answers 403.
 */
export function takeAuthToken(header: string | undefined): AuthTokenOffer | null {
  const protocols = (header ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const [item, ...others] = protocols.filter((protocol) => protocol.startsWith(TOKEN_PREFIX))
  if (item === undefined || others.length > 0) return { token: null, protocols }
  const token = decodeToken(item.slice(TOKEN_PREFIX.length))
  return token === null ? null : { token, protocols: protocols.filter((protocol) => protocol !== item) }
}

/**
 * Choose the first sub-protocol in `allowed` (the server's list) that is also in `offered` (the client's list). Returns
 * null if the client offers no sub-protocol or the server has no list (`allowed` is null); the response then names no
 * sub-protocol. Returns undefined if no offered sub-protocol is allowed; the route then answers 403.
 */
export function selectSubprotocol(
  offered: readonly string[],
  allowed: readonly string[] | null,
): string | null | undefined {
  if (offered.length === 0 || allowed === null) return null
  return allowed.find((protocol) => offered.includes(protocol))
}

/** Returns true if a `Sec-WebSocket-Protocol` header has a token, valid or not. */
export function offersAuthToken(header: string): boolean {
  return header.includes(TOKEN_PREFIX)
}

function decodeToken(text: string): string | null {
  if (!BASE64.test(text)) return null
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  if ((text.length - padding) % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return null
  const bytes = Buffer.from(text, 'base64')
  // `btoa` of browsers encodes one byte per character; other clients encode UTF-8.
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')
}
